//! The eyes of stageplan: the only code that walks, hashes or watches a build context.
