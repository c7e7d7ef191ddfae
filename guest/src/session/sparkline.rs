//! A row of numbers as a little picture of letters. Knows nothing of what it shows.

/// How high a picture is, and how wide at most: what does not fit follows below.
const ROWS: usize = 4;
const COLUMNS: usize = 80;

/// The top of a column, less and more full; below it stands `|`.
const TOPS: [u8; 3] = *b"_o#";

/// A number, and what stands below it.
pub struct Bar {
    /// How high it is.
    pub value: u32,
    /// Written downwards.
    pub label: String,
}

/// Draws the bars.
pub fn draw(bars: &[Bar], out: &mut Vec<u8>) {
    let lowest = bars.iter().map(|bar| bar.value).min().unwrap_or(0);
    let highest = bars.iter().map(|bar| bar.value).max().unwrap_or(0);
    let range = (highest - lowest).max(1);
    let most = ROWS * TOPS.len();
    let step = |bar: &Bar| {
        let share = u64::from(bar.value - lowest) * most as u64 / u64::from(range);
        (share as usize).min(most - 1)
    };
    for (number, part) in bars.chunks(COLUMNS).enumerate() {
        if number > 0 {
            out.push(b'\n');
        }
        for row in (0..ROWS).rev() {
            line(part, out, |bar| {
                match step(bar).checked_sub(row * TOPS.len()) {
                    None => b' ',
                    Some(top) => *TOPS.get(top).unwrap_or(&b'|'),
                }
            });
        }
        line(part, out, |_| b' ');
        let longest = part.iter().map(|bar| bar.label.len()).max().unwrap_or(0);
        for at in 0..longest {
            line(part, out, |bar| {
                *bar.label.as_bytes().get(at).unwrap_or(&b' ')
            });
        }
    }
}

fn line(bars: &[Bar], out: &mut Vec<u8>, letter: impl Fn(&Bar) -> u8) {
    out.extend(bars.iter().map(letter));
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[u32]) -> String {
        let bars: Vec<Bar> = values
            .iter()
            .map(|value| Bar {
                value: *value,
                label: format!("{value}s"),
            })
            .collect();
        let mut out = Vec::new();
        draw(&bars, &mut out);
        String::from_utf8(out).expect("letters")
    }

    /// As Redis 8.0.2 drew them.
    #[test]
    fn bars_stand_on_their_labels() {
        assert_eq!(
            drawn(&[50, 100, 20]),
            " # \n | \no| \n||_\n   \n512\n000\ns0s\n s \n"
        );
        assert_eq!(drawn(&[7]), " \n \n \n_\n \n7\ns\n");
    }

    #[test]
    fn what_is_too_wide_goes_on_below() {
        let values: Vec<u32> = (0..81).map(|value| value % 7).collect();
        let lines: Vec<usize> = drawn(&values).lines().map(str::len).collect();
        assert_eq!(lines, [80, 80, 80, 80, 80, 80, 80, 0, 1, 1, 1, 1, 1, 1, 1]);
    }
}
