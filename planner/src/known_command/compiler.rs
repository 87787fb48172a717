//! Compilers and bundlers of JavaScript: command lines that write what they make and leave manifests alone. In go words,
//! out comes yes or no. Which file is compiled to where is not looked at.

/// Whether a command line only compiles.
#[must_use]
pub(super) fn is_compiler(words: &[&str]) -> bool {
    let words = match words {
        ["npx" | "bunx", rest @ ..] => rest,
        rest => rest,
    };
    matches!(
        words,
        ["tsc" | "esbuild" | "rollup" | "webpack" | "tsup" | "swc" | "babel", ..]
            | ["vite" | "next" | "nest" | "nuxt" | "astro" | "remix", "build", ..]
            | ["react-scripts" | "vue-cli-service" | "ng", "build", ..]
    )
}
