//! `RUN --mount=`, all types.
