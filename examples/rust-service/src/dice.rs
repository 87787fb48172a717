//! Throws of dice as players write them: `d20`, `3d6`, `2d8+1`, `4d6-2`.

use std::fmt;
use std::str::FromStr;

const MOST_DICE: u32 = 100;
const MOST_SIDES: u32 = 1000;
const LARGEST_BONUS: u32 = 1000;

/// How many dice of how many sides, and what is added to their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dice {
    count: u32,
    sides: u32,
    bonus: i32,
}

/// The faces that came up.
#[derive(Debug, PartialEq, Eq)]
pub struct Roll {
    faces: Vec<u32>,
    bonus: i32,
}

/// Why a text is no throw of dice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiceError {
    Form,
    Count,
    Sides,
    Bonus,
}

impl Dice {
    /// Throws the dice, one call of `face` per die; `face` is given the number of sides.
    pub fn roll(self, mut face: impl FnMut(u32) -> u32) -> Roll {
        Roll { faces: (0..self.count).map(|_| face(self.sides)).collect(), bonus: self.bonus }
    }
}

impl FromStr for Dice {
    type Err = DiceError;

    fn from_str(text: &str) -> Result<Self, DiceError> {
        let (count, rest) = text.split_once('d').ok_or(DiceError::Form)?;
        let (sides, bonus) = rest.split_at(rest.find(['+', '-']).unwrap_or(rest.len()));
        let dice = Dice {
            count: if count.is_empty() { 1 } else { number(count)? },
            sides: number(sides)?,
            bonus: if bonus.is_empty() { 0 } else { bonus.parse().map_err(|_| DiceError::Form)? },
        };
        match dice {
            Dice { count, .. } if !(1..=MOST_DICE).contains(&count) => Err(DiceError::Count),
            Dice { sides, .. } if !(2..=MOST_SIDES).contains(&sides) => Err(DiceError::Sides),
            Dice { bonus, .. } if bonus.unsigned_abs() > LARGEST_BONUS => Err(DiceError::Bonus),
            dice => Ok(dice),
        }
    }
}

/// A number without a sign, which `parse` alone would take.
fn number(digits: &str) -> Result<u32, DiceError> {
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(DiceError::Form);
    }
    digits.parse().map_err(|_| DiceError::Form)
}

impl Roll {
    pub fn total(&self) -> i64 {
        self.faces.iter().map(|&face| i64::from(face)).sum::<i64>() + i64::from(self.bonus)
    }

    /// The roll as a JSON object.
    pub fn json(&self) -> String {
        format!(r#"{{"total":{},"faces":{:?},"bonus":{}}}"#, self.total(), self.faces, self.bonus)
    }
}

impl fmt::Display for DiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => write!(f, "dice are written like d20, 3d6 or 2d8+1"),
            Self::Count => write!(f, "1 to {MOST_DICE} dice can be thrown"),
            Self::Sides => write!(f, "a die has 2 to {MOST_SIDES} sides"),
            Self::Bonus => write!(f, "the bonus is at most {LARGEST_BONUS}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dice(text: &str) -> Result<Dice, DiceError> {
        text.parse()
    }

    #[test]
    fn every_way_of_writing_dice_is_read() {
        for (text, count, sides, bonus) in
            [("d20", 1, 20, 0), ("3d6", 3, 6, 0), ("2d8+1", 2, 8, 1), ("4d6-2", 4, 6, -2)]
        {
            assert_eq!(dice(text), Ok(Dice { count, sides, bonus }), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "d", "6", "3d", "3x6", "3d6+", "3d6*2", "+3d6", "-1d6", "3d6+1+1", "99999999999d6"] {
            assert_eq!(dice(text), Err(DiceError::Form), "{text}");
        }
        assert_eq!(dice("0d6"), Err(DiceError::Count));
        assert_eq!(dice("101d6"), Err(DiceError::Count));
        assert_eq!(dice("1d1"), Err(DiceError::Sides));
        assert_eq!(dice("1d6+1001"), Err(DiceError::Bonus));
        assert_eq!(dice("1d6-2147483648"), Err(DiceError::Bonus));
    }

    #[test]
    fn the_total_is_the_sum_and_the_bonus() {
        let mut faces = [6, 1, 4].into_iter();
        let roll = dice("3d6-2").unwrap().roll(|_| faces.next().unwrap());
        assert_eq!(roll.total(), 9);
        assert_eq!(roll.json(), r#"{"total":9,"faces":[6, 1, 4],"bonus":-2}"#);
    }

    #[test]
    fn each_die_has_the_sides_asked_for() {
        let roll = dice("100d4").unwrap().roll(|sides| sides);
        assert_eq!(roll.faces, [4; 100]);
    }
}
