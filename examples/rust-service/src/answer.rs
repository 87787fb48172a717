//! What the service answers to a path.

use crate::dice::Dice;

/// A status and a body of JSON.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// `face` throws one die of the sides it is given.
pub fn answer(path: &str, face: impl FnMut(u32) -> u32) -> Answer {
    if path == "/health" {
        return Answer { status: 200, body: r#"{"ok":true}"#.to_owned() };
    }
    let Some(text) = path.strip_prefix("/roll/") else {
        return error(404, "try /roll/3d6");
    };
    match text.parse::<Dice>() {
        Ok(dice) => Answer { status: 200, body: dice.roll(face).json() },
        Err(wrong) => error(400, &wrong.to_string()),
    }
}

fn error(status: u16, text: &str) -> Answer {
    Answer { status, body: format!(r#"{{"error":"{text}"}}"#) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_are_thrown() {
        let Answer { status, body } = answer("/roll/2d6+1", |sides| sides);
        assert_eq!((status, body.as_str()), (200, r#"{"total":13,"faces":[6, 6],"bonus":1}"#));
    }

    #[test]
    fn what_cannot_be_thrown_is_refused_with_the_reason() {
        let Answer { status, body } = answer("/roll/2d1", |sides| sides);
        assert_eq!((status, body.as_str()), (400, r#"{"error":"a die has 2 to 1000 sides"}"#));
    }

    #[test]
    fn other_paths_are_not_found() {
        assert_eq!(answer("/", |sides| sides).status, 404);
        assert_eq!(answer("/health", |sides| sides).status, 200);
    }
}
