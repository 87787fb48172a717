//! What the argument for safety lets pass and what it does not: pairs of Dockerfiles that somebody could have edited by
//! hand. Who believes too much writes files that no longer build; each row is one way to do so.

use planner::engine_profile::EngineProfile;
use planner::safety;
use planner::suggestion::Facts;

use super::scene::Scene;
use crate::case::Case;

const HEAD: &str = "FROM node:22\nWORKDIR /app\n";

fn scene(files: &str) -> Scene {
    let case = format!("{{\"dockerfile\": \"\", \"files\": {files}}}");
    Scene::of(&serde_json::from_str::<Case>(&case).expect("a case"), &EngineProfile::buildkit())
}

/// Why the second may make other images than the first.
fn doubts(scene: &Scene, before: &str, after: &str) -> Vec<String> {
    let read = |text: &str| Facts::read(text.as_bytes(), scene.around()).expect("a Dockerfile");
    safety::doubts(&read(before), &read(after))
}

fn in_stage(scene: &Scene, before: &str, after: &str) -> Vec<String> {
    doubts(scene, &format!("{HEAD}{before}"), &format!("{HEAD}{after}"))
}

const FILES: &str =
    r#"{"package.json": "{}", "package-lock.json": "{}", "src/a.js": "a", "app/b.js": "b", "x.sh": "x"}"#;

#[test]
fn orders_that_make_the_same_images_pass() {
    let scene = scene(FILES);
    let same = [
        ("COPY . .\nRUN npm ci\n", "COPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .\n"),
        ("COPY . .\nRUN npm ci\n", "COPY package*.json ./\nRUN npm ci\nCOPY . .\n"),
        ("COPY src src\nCOPY app app\n", "COPY app app\nCOPY src src\n"),
        ("COPY . .\nRUN apk add git\n", "RUN apk add git\nCOPY . .\n"),
        ("ENV A=1\nLABEL b=2\n", "LABEL b=2\nENV A=1\n"),
        ("ARG GIT_SHA\nRUN apk add git\n", "RUN apk add git\nARG GIT_SHA\n"),
        ("COPY src src\nEXPOSE 1\nRUN ./x\n", "EXPOSE 1\nCOPY src src\nRUN ./x\n"),
        // A step that is cut where the shell would have stopped.
        ("RUN npm ci && ./x\n", "RUN npm ci\nRUN ./x\n"),
        ("RUN set -e; npm ci; ./x\n", "RUN set -e; npm ci\nRUN set -e; ./x\n"),
        ("RUN cd src && npm ci && ./x\n", "RUN cd src && npm ci\nRUN cd src && ./x\n"),
        (
            "RUN --mount=type=secret,id=a npm ci && ./x\n",
            "RUN --mount=type=secret,id=a npm ci\nRUN --mount=type=secret,id=a ./x\n",
        ),
    ];
    for (before, after) in same {
        assert_eq!(in_stage(&scene, before, after), Vec::<String>::new(), "{before}\n{after}");
    }
}

#[test]
fn orders_that_may_make_others_do_not_pass() {
    let scene = scene(FILES);
    let other = [
        // A manifest is missing, or another than before.
        ("COPY . .\nRUN npm ci\n", "COPY package.json ./\nRUN npm ci\nCOPY . .\n", "would not see it"),
        ("COPY . .\nRUN npm ci\n", "RUN npm ci\nCOPY . .\n", "would not see it"),
        (
            "COPY . .\nRUN npm ci\n",
            "COPY app/b.js package.json\nCOPY package-lock.json ./\nRUN npm ci\nCOPY . .\n",
            "package.json",
        ),
        ("COPY . .\nRUN npm ci\n", "COPY --chmod=600 package*.json ./\nRUN npm ci\nCOPY . .\n", "not copied again"),
        ("COPY . .\nRUN npm ci\n", "COPY package*.json ./\nRUN npm ci\nCOPY src src\n", "is gone"),
        // What is copied once more is not copied again.
        ("COPY src src\nRUN npm ci\n", "COPY package*.json ./\nRUN npm ci\nCOPY src src\n", "is new"),
        // Commands that may read everything.
        ("COPY . .\nRUN ./x.sh\n", "RUN ./x.sh\nCOPY . .\n", "nobody can say"),
        ("COPY . .\nRUN npm run build\n", "RUN npm run build\nCOPY . .\n", "nobody can say"),
        (
            "COPY . .\nRUN npm ci && ./x.sh\n",
            "COPY package*.json ./\nRUN npm ci && ./x.sh\nCOPY . .\n",
            "nobody can say",
        ),
        ("COPY . .\nRUN npm ci; ./x.sh\n", "COPY package*.json ./\nRUN npm ci; ./x.sh\nCOPY . .\n", "nobody can say"),
        ("COPY . .\nRUN npm ci | cat\n", "COPY package*.json ./\nRUN npm ci | cat\nCOPY . .\n", "nobody can say"),
        // Commands that are others, gone, new, or in another order.
        ("RUN npm ci\n", "RUN npm ci --omit=dev\n", "run in another way"),
        ("RUN npm ci\nRUN ./x\n", "RUN ./x\nRUN npm ci\n", "run in another way"),
        ("RUN npm ci\n", "RUN npm ci\nRUN npm ci\n", "is new"),
        ("RUN npm ci\n", "", "is gone"),
        ("RUN npm ci\n", "USER node\nRUN npm ci\n", "run in another way"),
        ("RUN npm ci\n", "WORKDIR /other\nRUN npm ci\n", "run in another way"),
        ("RUN npm ci\n", "SHELL [\"/bin/bash\", \"-c\"]\nRUN npm ci\n", "run in another way"),
        ("RUN npm ci\n", "RUN --network=none npm ci\n", "run in another way"),
        ("RUN npm ci\n", "RUN --mount=type=bind,target=/x npm ci\n", "run in another way"),
        ("ENV NODE_ENV=production\nRUN npm ci\n", "RUN npm ci\nENV NODE_ENV=production\n", "`NODE_ENV`"),
        ("ARG GIT_SHA=1\nRUN ./x\n", "RUN ./x\nARG GIT_SHA=1\n", "`GIT_SHA`"),
        (
            "ENV GIT_SHA=0\nENV GIT_SHA=1\nRUN apk add x=$GIT_SHA\n",
            "ENV GIT_SHA=0\nRUN apk add x=$GIT_SHA\nENV GIT_SHA=1\n",
            "`GIT_SHA`",
        ),
        // Copies whose order counts.
        ("COPY src x\nCOPY app x\n", "COPY app x\nCOPY src x\n", ""),
        ("COPY src/a.js f.js\nCOPY app/b.js f.js\n", "COPY app/b.js f.js\nCOPY src/a.js f.js\n", "change places"),
        ("COPY src/a.js app\nCOPY app/b.js app/b.js\n", "COPY app/b.js app/b.js\nCOPY src/a.js app\n", "change places"),
        (
            "COPY . .\nRUN npm install\n",
            "COPY package*.json ./\nRUN npm install\nCOPY . .\n",
            "the later of both counts",
        ),
        (
            "COPY src /etc/apt/x\nRUN apt-get update\n",
            "RUN apt-get update\nCOPY src /etc/apt/x\n",
            "may read and write",
        ),
        ("COPY src /usr/local/lib/x\nRUN npm ci\n", "RUN npm ci\nCOPY src /usr/local/lib/x\n", "may read and write"),
        ("COPY src ./node_modules/x\nRUN npm ci\n", "RUN npm ci\nCOPY src ./node_modules/x\n", "writes"),
        // Images that are configured otherwise.
        ("ENV A=1\nENV A=2\n", "ENV A=2\nENV A=1\n", "configured otherwise"),
        ("ENV A=1\nLABEL b=$A\n", "LABEL b=$A\nENV A=1\n", "configured otherwise"),
        ("CMD [\"a\"]\n", "CMD a\n", "configured otherwise"),
        ("USER a\nVOLUME /x\n", "VOLUME /x\nUSER a\n", "configured otherwise"),
        ("ONBUILD RUN a\n", "ONBUILD RUN b\n", "configured otherwise"),
    ];
    none_passes(&scene, &other);
}

/// Each second text may make other images than the first, for a reason that holds these words.
fn none_passes(scene: &Scene, rows: &[(&str, &str, &str)]) {
    for (before, after, why) in rows {
        let doubts = in_stage(scene, before, after);
        let is_other = !doubts.is_empty() && doubts.iter().any(|doubt| doubt.contains(why));
        // Files of other names in one folder may well change places.
        assert!(is_other || why.is_empty(), "{before}\n{after}\n{doubts:?}");
    }
}

#[test]
fn a_step_that_is_cut_where_something_goes_on_over_the_cut_does_not_pass() {
    let scene = scene(FILES);
    let other = [
        ("RUN npm ci; ./x\n", "RUN npm ci\nRUN ./x\n", "run in another way"),
        ("RUN set -e; npm ci && ./a; ./x\n", "RUN set -e; npm ci && ./a\nRUN set -e; ./x\n", "run in another way"),
        ("RUN set -e; npm ci; ./x\n", "RUN set -e; npm ci\nRUN ./x\n", "run in another way"),
        ("RUN cd src && npm ci && ./x\n", "RUN cd src && npm ci\nRUN ./x\n", "run in another way"),
        ("RUN A=1 npm ci && ./x\n", "RUN npm ci\nRUN A=1 ./x\n", "`A`"),
        ("RUN npm ci && ./x | cat\n", "RUN npm ci\nRUN ./x | cat\n", "run in another way"),
        ("RUN npm ci && ./x\n", "RUN --network=none npm ci\nRUN ./x\n", "run in another way"),
        (
            "RUN --mount=type=tmpfs,target=/t npm ci && ./x\n",
            "RUN --mount=type=tmpfs,target=/t npm ci\nRUN --mount=type=tmpfs,target=/t ./x\n",
            "run in another way",
        ),
        (
            "RUN --mount=type=cache,target=/app/node_modules npm ci && ./x\n",
            "RUN --mount=type=cache,target=/app/node_modules npm ci\n\
             RUN --mount=type=cache,target=/app/node_modules ./x\n",
            "run in another way",
        ),
        ("RUN npm ci && ./x\n", "RUN npm ci\n", "is gone"),
        ("RUN ./x && npm ci\n", "RUN npm ci\nRUN ./x\n", "run in another way"),
        // What is started in one half of a step is not there in the other.
        ("RUN ./serve && ./x\n", "RUN ./serve\nRUN ./x\n", "may leave something running"),
        ("RUN command cd src && npm ci && ./x\n", "RUN command cd src\nRUN npm ci && ./x\n", "another way"),
    ];
    none_passes(&scene, &other);
}

#[test]
fn folders_that_another_step_makes_do_not_pass() {
    let scene = scene(FILES);
    let other = [
        ("COPY --chown=1 src s\nRUN mkdir -p s/t\n", "RUN mkdir -p s/t\nCOPY --chown=1 src s\n", "decides who owns it"),
        (
            "COPY --chown=1 src s\nWORKDIR s\nRUN ./x\n",
            "WORKDIR s\nCOPY --chown=1 src /app/s\nRUN ./x\n",
            "decides who owns it",
        ),
        (
            "COPY --chown=1 src /q/s\nRUN mkdir -p /q/t\n",
            "RUN mkdir -p /q/t\nCOPY --chown=1 src /q/s\n",
            "`/q` first decides",
        ),
        (
            "COPY --chmod=700 src s\nRUN apk add git\n",
            "COPY --chmod=700 src/a.js s/\nRUN apk add git\nCOPY --chmod=700 src s\n",
            "decides who owns it",
        ),
    ];
    none_passes(&scene, &other);
}

#[test]
fn stages_and_bases_stay() {
    let scene = scene(FILES);
    for (before, after) in [
        ("FROM a\n", "FROM b\n"),
        ("FROM a\n", "FROM a AS b\n"),
        ("FROM a\n", "FROM a\nFROM b\n"),
        ("ARG X=1\nFROM a\n", "ARG X=2\nFROM a\n"),
        ("FROM a\n", "# syntax=docker/dockerfile:1.4\nFROM a\n"),
        ("FROM a AS x\nFROM a\nRUN y\n", "FROM a AS x\nRUN y\nFROM a\n"),
    ] {
        assert!(!doubts(&scene, before, after).is_empty(), "{before}\n{after}");
    }
}

#[test]
fn what_an_install_may_do_beside_its_manifests_is_doubted() {
    let moved =
        |copy: &str, run: &str| (format!("{copy}RUN {run}\n"), format!("COPY package*.json ./\nRUN {run}\n{copy}"));
    let rows: [(&str, &str, &str, &str); 12] = [
        (r#""package.json": "{\"scripts\": {\"postinstall\": \"node src/a.js\"}}""#, "", "npm ci", "postinstall"),
        (r#""package.json": "not json""#, "", "npm ci", "not JSON"),
        (r#""package.json": "{}", "package-lock.json": "{\"packages\": {\"lib\": {}}}""#, "", "npm ci", "folder `lib`"),
        (r#""package.json": "{}", ".npmrc": "node-options=--require ./src/a.js""#, "", "npm ci", "node-options"),
        (r#""package.json": "{}""#, "ENV NODE_OPTIONS=--require=./src/a.js\n", "npm ci", "NODE_OPTIONS"),
        (r#""package.json": "{}""#, "ENV npm_config_userconfig=./src/a.js\n", "npm ci", "npm_config_userconfig"),
        (r#""package.json": "{}", "bin/npm": "x""#, "ENV PATH=/app/bin:$PATH\n", "npm ci", "`/app/bin`"),
        (r#""package.json": "{}""#, "ENV PATH=bin:$PATH\n", "npm ci", "relative"),
        (r#""package.json": "{}""#, "", "npm ci ./lib.tgz", "lib.tgz"),
        (r#""package.json": "{}""#, "", "npm ci --prefix src", "--prefix"),
        (
            r#""package.json": "{}", "yarn.lock": """#,
            "RUN corepack enable\n",
            "yarn install --immutable",
            "package.json",
        ),
        (r#""package.json": "{\"dependencies\": {\"x\": \"./src\"}}""#, "", "npm ci", "lies in the project"),
    ];
    for (files, above, run, why) in rows {
        let lock = if files.contains("lock") { "" } else { ", \"package-lock.json\": \"{}\"" };
        let scene = scene(&format!("{{{files}{lock}, \"src/a.js\": \"a\"}}"));
        let (before, after) = moved("COPY . .\n", run);
        let doubts = in_stage(&scene, &format!("{above}{before}"), &format!("{above}{after}"));
        assert!(doubts.iter().any(|doubt| doubt.contains(why)), "{files} {run}: {doubts:?}");
    }
}

#[test]
fn files_of_the_project_that_installs_find_by_themselves_are_doubted() {
    for (files, above, manifests, run, why) in FOUND_BY_ITSELF {
        let others = ["package.json", "package-lock.json", "composer.json", "composer.lock", "r.txt"];
        let rest: String = others
            .iter()
            .filter(|name| !files.contains(**name) && (!files.contains("lock") || !name.contains("lock")))
            .map(|name| format!(", \"{name}\": \"{}\"", if *name == "r.txt" { "flask" } else { "{}" }))
            .collect();
        let scene = scene(&format!("{{{files}{rest}, \"src/a\": \"a\"}}"));
        let before = format!("{above}COPY . .\nRUN {run}\n");
        let doubts = in_stage(&scene, &before, &format!("{above}{manifests}RUN {run}\nCOPY . .\n"));
        assert!(doubts.iter().any(|doubt| doubt.contains(why)), "{files} {run}: {doubts:?}");
    }
}

/// Files, lines above, the lines that copy manifests, the command, and a part of the doubt.
const FOUND_BY_ITSELF: [(&str, &str, &str, &str, &str); 17] = [
    // Scripts of packages that look at the project.
    (
        r#""package-lock.json": "{\"packages\":{\"node_modules/@prisma/client\":{\"hasInstallScript\":true}}}""#,
        "",
        "COPY package*.json ./\n",
        "npm ci",
        "@prisma/client",
    ),
    (
        r#""package-lock.json": "{\"packages\":{\"node_modules/a/node_modules/unheard-of\":{\"hasInstallScript\":true}}}""#,
        "",
        "COPY package*.json ./\n",
        "npm ci",
        "`unheard-of` may look at files",
    ),
    (
        r#""yarn.lock": "puppeteer@^22.0.0:\n  version \"22.1.0\"\n""#,
        "",
        "COPY package.json yarn.lock ./\n",
        "yarn install --frozen-lockfile",
        "`puppeteer`",
    ),
    (
        r#""package.json": "{\"pnpm\": {\"patchedDependencies\": {\"x@1\": \"src/x\"}}}", "pnpm-lock.yaml": """#,
        "",
        "COPY package.json pnpm-lock.yaml ./\n",
        "pnpm install --frozen-lockfile",
        "patchedDependencies",
    ),
    // Modules that Python finds first.
    (r#""glob.py": "x""#, "", PIP, "python -m pip install -r r.txt", "of Python's own"),
    (r#""json/__init__.py": "x""#, "", PIP, "python -m pip install -r r.txt", "of Python's own"),
    (r#""pip/__init__.py": "x""#, "", PIP, "python3 -m pip install -r r.txt", "of Python's own"),
    // Words that are names of what the project holds.
    (r#""lib/x.py": "x""#, "ENV PIP_TARGET=lib\n", PIP, "pip install -r r.txt", "PIP_TARGET"),
    (r#""dev": "x""#, "ENV PIP_REQUIREMENT=dev\n", PIP, "pip install -r r.txt", "PIP_REQUIREMENT"),
    (r#""lib/a": "x""#, "ENV COMPOSER_VENDOR_DIR=lib\n", COMPOSER, COMPOSED, "COMPOSER_VENDOR_DIR"),
    (r#""foo-1.0.gem": "x""#, "", "", "gem install foo", "`foo-1.0.gem`"),
    // Repositories in folders.
    (
        r#""composer.json": "{\"repositories\": [{\"type\": \"vcs\", \"url\": \"lib/x\"}]}""#,
        "",
        COMPOSER,
        COMPOSED,
        "lib/x",
    ),
    (
        r#""Gemfile": "gem 'x', git: '/app/lib/x'\n", "Gemfile.lock": """#,
        "ENV BUNDLE_FROZEN=1\n",
        "COPY Gemfile Gemfile.lock ./\n",
        "bundle install",
        "is a program",
    ),
    (
        r#""Gemfile": "gem 'x', git: 'lib/x'\n", "Gemfile.lock": """#,
        "ENV BUNDLE_FROZEN=1\n",
        "COPY Gemfile Gemfile.lock ./\n",
        "bundle install",
        "is a program",
    ),
    // Web servers put a page where there is none.
    (r#""a.php": "x""#, "WORKDIR /var/www/html\n", "", "apt-get install -y nginx", "/var/www"),
    (r#""a.php": "x""#, "WORKDIR /var/www/html\n", "", "apt-get update && apt-get install -y php-cli", "/var/www"),
    // What is mounted over the files is another file.
    (r#""p.json": "{}""#, "", "", "--mount=type=bind,source=p.json,target=package.json npm ci", "package.json"),
];

const PIP: &str = "COPY r.txt ./\n";
const COMPOSER: &str = "COPY composer.* ./\n";
const COMPOSED: &str = "composer install --no-scripts --no-autoloader --no-plugins";

#[test]
fn members_that_another_stage_makes_are_doubted() {
    let scene = scene(r#"{"package.json": "{\"workspaces\": [\"packages/*\"]}", "package-lock.json": "{}"}"#);
    let order = |first: &str, second: &str| {
        format!("FROM node AS build\nRUN ./x\nFROM node\nWORKDIR /app\nCOPY package*.json ./\n{first}{second}")
    };
    let doubts = |copy: &str| doubts(&scene, &order(copy, "RUN npm ci\n"), &order("RUN npm ci\n", copy));
    assert!(doubts("COPY --from=build /a/packages ./packages\n").iter().any(|doubt| doubt.contains("member")));
    assert_eq!(doubts("COPY --from=build /a/dist ./dist\n"), Vec::<String>::new());
}
