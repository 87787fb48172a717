//! Where this program's own output goes, if to files of a watched context: what it tells of a change is none. In goes the
//! scene, out come places. Elsewhere than on Linux nobody says which file an open stream is.

use std::fs;

use watcher::Place;

use super::scene::Scene;
use crate::fault::Fault;

/// The places that this program's own output goes to.
///
/// # Errors
/// If a build would read one of them: what is told of a change would be another one.
pub(super) fn own_output(scene: &Scene) -> anyhow::Result<Vec<Place>> {
    let outputs = ["/proc/self/fd/1", "/proc/self/fd/2"].map(|link| fs::read_link(link).ok());
    let mut own = Vec::new();
    for path in outputs.into_iter().flatten().filter(|path| path.is_file()) {
        for place in scene.places_of(&path) {
            if scene.holds(&place) {
                let fault = Fault::new(format!(
                    "`{}` takes what the watch tells, and the build reads it: each line would be a change",
                    path.display()
                ));
                return Err(fault.with_hint("write it to another folder, or list it in .dockerignore").into());
            }
            own.push(place);
        }
    }
    Ok(own)
}
