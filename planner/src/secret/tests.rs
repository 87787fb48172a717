//! What is taken for a secret, and what is not.

use super::{looks_secret, mask, places};

#[test]
fn names_are_judged_word_by_word() {
    let secret = [
        "NPM_TOKEN",
        "npmAuthToken",
        "token",
        "DB_PASSWORD",
        "PGPASSWORD",
        "MYSQL_PASSWD",
        "AWS_SECRET_ACCESS_KEY",
        "API_KEY",
        "APIKEY",
        "stripeApiKey",
        "PRIVATE_KEY",
        "GOOGLE_CREDENTIALS",
        "HTTP_AUTH",
        "DB_PWD",
        "SMTP_PASS",
    ];
    for name in secret {
        assert!(looks_secret(name, "swordfish"), "{name}");
    }
    let plain = [
        "AUTHOR",
        "AUTHORS",
        "TOKENIZERS_PARALLELISM",
        "PWD",
        "OLDPWD",
        "KEYBOARD",
        "NODE_ENV",
        "PATH",
        "COMPASS",
        "DB_PASSWORD_FILE",
        "SECRETARY",
        "PUBLIC_KEY",
        "PASSENGER_VERSION",
        "",
    ];
    for name in plain {
        assert!(!looks_secret(name, "swordfish"), "{name}");
    }
}

#[test]
fn values_are_judged_by_their_form() {
    let secret = [
        "ghp_0123456789abcdefABCDEF0123456789abcd",
        "github_pat_11AAAAAAA0123456789_abcdef",
        "AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4",
        "postgres://me:swordfish@db:5432/app",
        "https://user:swordfish@registry.example.com/",
        "Authorization: Bearer swordfish",
        "glpat-0123456789abcdef0123",
        "npm_0123456789abcdefghijklmnopqrstuvwxyz",
        "sk-proj-0123456789abcdefghijkl",
        "xoxb-0123456789-abcdef",
        "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    ];
    for value in secret {
        assert!(looks_secret("X", value), "{value}");
        assert!(!mask(&format!("RUN echo {value}")).contains("0123456789"), "{value}");
    }
    for value in
        ["production", "https://example.com/a@b", "1.2.3", "https://u:${TOKEN}@example.com", "eyJ", "git@host:a"]
    {
        assert!(!looks_secret("X", value), "{value}");
        assert_eq!(mask(value), value);
    }
    for value in ["", "true", "0", "$NPM_TOKEN", "${NPM_TOKEN}", "$(cat /run/secrets/t)"] {
        assert!(!looks_secret("NPM_TOKEN", value), "{value}");
    }
}

#[test]
fn instruction_texts_are_masked_where_the_value_stands() {
    let cases = [
        ("ENV NPM_TOKEN=abc NODE_ENV=production", "ENV NPM_TOKEN=*** NODE_ENV=production"),
        ("ENV NPM_TOKEN abc def", "ENV NPM_TOKEN ***"),
        ("ARG DB_PASSWORD=\"a b\" X=1", "ARG DB_PASSWORD=*** X=1"),
        ("ARG DB_PASSWORD='a b'", "ARG DB_PASSWORD=***"),
        ("ENV A=1 API_KEY=a\\ b", "ENV A=1 API_KEY=***"),
        ("RUN curl --token abc -q && x", "RUN curl --token *** -q && x"),
        ("RUN login --password=abc; ls", "RUN login --password=***; ls"),
        ("RUN [\"login\", \"--password\", \"abc\"]", "RUN [\"login\", \"--password\", \"***\"]"),
        ("RUN echo '{\"password\": \"abc\"}'", "RUN echo '{\"password\": \"***\"}'"),
        ("RUN export TOKEN=abc&&go", "RUN export TOKEN=***&&go"),
        ("RUN curl -H 'Authorization: Bearer abc' x", "RUN curl -H 'Authorization: Bearer ***' x"),
        ("RUN git clone https://me:abc@host/r", "RUN git clone https://me:***@host/r"),
        ("ENV NPM_TOKEN=$NPM_TOKEN", "ENV NPM_TOKEN=$NPM_TOKEN"),
        ("RUN --mount=type=secret,id=npm_token npm ci", "RUN --mount=type=secret,id=npm_token npm ci"),
        ("LABEL author=\"A. U. Thor\"", "LABEL author=\"A. U. Thor\""),
        ("RUN echo ${TOKEN:-} ${TOKEN:-$OTHER} $SECRET", "RUN echo ${TOKEN:-} ${TOKEN:-$OTHER} $SECRET"),
        ("ENV X=${DB_PASSWORD:-abc} Y=1", "ENV X=${DB_PASSWORD:-***} Y=1"),
        ("ENV X=${DB_PASSWORD-abc}", "ENV X=${DB_PASSWORD-***}"),
        ("ENV X=\"${DB_PASSWORD:+a b}\"", "ENV X=\"${DB_PASSWORD:+***}\""),
        ("RUN echo ${DB_PASSWORD:?a b} ${B:-c}", "RUN echo ${DB_PASSWORD:?***} ${B:-c}"),
        ("ENV X=${DB_PASSWORD#abc} Y=${API_KEY%%abc}", "ENV X=${DB_PASSWORD#***} Y=${API_KEY%%***}"),
        ("ENV X=${API_KEY//abc/def}", "ENV X=${API_KEY//***}"),
        ("ENV X=${A:-${DB_PASSWORD:-abc}}", "ENV X=${A:-${DB_PASSWORD:-***}}"),
        ("ENV X=${DB_PASSWORD:-${A:-abc}} Y=1", "ENV X=${DB_PASSWORD:-***} Y=1"),
        ("RUN echo ${DB_PASSWORD:-a\\}b} c", "RUN echo ${DB_PASSWORD:-***} c"),
        ("RUN echo ${DB_PASSWORD:-abc", "RUN echo ${DB_PASSWORD:-***"),
        ("FROM a:${API_TOKEN:-abc}", "FROM a:${API_TOKEN:-***}"),
        ("ENV DB_PASSWORD=${X:-abc}", "ENV DB_PASSWORD=***"),
        ("ENV DB_PASSWORD=a;b&c|d,e)f Y=1", "ENV DB_PASSWORD=*** Y=1"),
        ("ONBUILD ARG DB_PASSWORD=a;b", "ONBUILD ARG DB_PASSWORD=***"),
        (
            "RUN wget \"https://h/x?api_key=K1\" && make foo && echo \"a\"",
            "RUN wget \"https://h/x?api_key=***\" && make foo && echo \"a\"",
        ),
        (
            "RUN wget 'h?token=K1' && curl -H \"Authorization: Basic X\" y",
            "RUN wget 'h?token=***' && curl -H \"Authorization: Basic ***\" y",
        ),
        ("RUN sh -c 'wget \"h?token=K1\" && echo \"a\"'", "RUN sh -c 'wget \"h?token=***\" && echo \"a\"'"),
        ("ENV A=\"h?token=K1\" B=\"c d\"", "ENV A=\"h?token=***\" B=\"c d\""),
    ];
    for (text, masked) in cases {
        assert_eq!(mask(text), masked);
        assert_eq!(mask(masked), masked, "masking twice changes nothing");
    }
}

#[test]
fn passwords_are_masked_where_commands_and_settings_hold_them() {
    let cases = [
        ("RUN curl -u me:abc https://h", "RUN curl -u me:*** https://h"),
        ("RUN curl -ume:abc h", "RUN curl -ume:*** h"),
        ("RUN curl -sSu 'me:a b' h", "RUN curl -sSu 'me:***' h"),
        ("RUN curl --user me:abc h; make", "RUN curl --user me:*** h; make"),
        ("RUN curl --user=\"me:abc\" h", "RUN curl --user=\"me:***\" h"),
        ("RUN curl --proxy-user ${U:-me}:abc h", "RUN curl --proxy-user ${U:-me}:*** h"),
        ("RUN [\"curl\", \"-u\", \"me:abc\", \"h\"]", "RUN [\"curl\", \"-u\", \"me:***\", \"h\"]"),
        ("curl\n-u\nme:abc\nh", "curl\n-u\nme:***\nh"),
        ("RUN curl -u me:$PW h", "RUN curl -u me:$PW h"),
        ("RUN curl -u me h", "RUN curl -u me h"),
        ("RUN docker run --user 1000:1000 a", "RUN docker run --user 1000:1000 a"),
        ("RUN mysql -h db -pabc app", "RUN mysql -h db -p*** app"),
        ("RUN mysqldump -uroot -p'a b' app", "RUN mysqldump -uroot -p*** app"),
        ("RUN mysql -p app", "RUN mysql -p app"),
        ("RUN mkdir -p /a && install -pabc", "RUN mkdir -p /a && install -pabc"),
        ("RUN apt-get install -y mysql-client && mkdir -p /a", "RUN apt-get install -y mysql-client && mkdir -p /a"),
        ("RUN docker login -u me -p abc host", "RUN docker login -u me -p *** host"),
        ("RUN sshpass -p abc ssh h", "RUN sshpass -p *** ssh h"),
        ("RUN redis-cli -a abc ping", "RUN redis-cli -a *** ping"),
        ("RUN curl -H \"X-Api-Key: abc\" h", "RUN curl -H \"X-Api-Key: ***\" h"),
        ("RUN curl -H 'X-Api-Key:abc' h", "RUN curl -H 'X-Api-Key:***' h"),
        ("RUN [\"curl\", \"-H\", \"X-Api-Key: abc\"]", "RUN [\"curl\", \"-H\", \"X-Api-Key: ***\"]"),
        ("RUN curl -H 'Authorization: abc' h", "RUN curl -H 'Authorization: ***' h"),
        ("RUN curl -H \"Authorization: Bearer $T\" h", "RUN curl -H \"Authorization: Bearer $T\" h"),
        ("RUN echo \"password: abc\" > f", "RUN echo \"password: ***\" > f"),
        ("RUN echo \"aws_secret_access_key = abc\" > f", "RUN echo \"aws_secret_access_key = ***\" > f"),
        (
            "[default]\naws_secret_access_key = abc def\nregion = b\n",
            "[default]\naws_secret_access_key = ***\nregion = b\n",
        ),
        ("db:\n  password: a b\n  host: c\n", "db:\n  password: ***\n  host: c\n"),
        ("FROM auth:1.2", "FROM auth:1.2"),
        ("RUN echo \"enter the password: \" && make", "RUN echo \"enter the password: \" && make"),
        ("RUN wait-for http://auth:8080/x", "RUN wait-for http://auth:8080/x"),
        ("RUN useradd -u 1000 me", "RUN useradd -u 1000 me"),
        ("RUN sort -u a:b/c", "RUN sort -u a:***"),
    ];
    for (text, masked) in cases {
        assert_eq!(mask(text), masked);
        assert_eq!(mask(masked), masked, "masking twice changes nothing");
    }
}

#[test]
fn what_is_masked_is_told_by_place() {
    for (text, expected) in [
        ("RUN echo 1", &[][..]),
        ("ENV API_TOKEN=abc A=1", &["abc"]),
        ("ENV DB_PASSWORD \u{e9}t\u{e9} 1", &["\u{e9}t\u{e9} 1"]),
        ("RUN curl https://me:swordfish@host -H 'Authorization: Bearer xyz' --token t", &["swordfish", "xyz", "t"]),
        // The second pattern finds more of a value of which the first one found a part.
        ("RUN x API_KEY=a,ghp_0123456789abcdef", &["a", "ghp_0123456789abcdef"]),
    ] {
        let found: Vec<&str> = places(text).into_iter().map(|place| &text[place]).collect();
        assert_eq!(found, expected, "{text}");
        let masked = expected.iter().fold(text.to_owned(), |text, secret| text.replacen(secret, "***", 1));
        assert_eq!(mask(text).matches("***").count(), masked.matches("***").count(), "{text}");
    }
}
