//! Glob patterns as KEYS, SCAN, CONFIG GET and PSUBSCRIBE take them. Knows only bytes.

/// As many `*` as Redis follows before it gives a pattern up.
const MAX_STARS: usize = 1000;

/// Whether the whole `text` matches `pattern`: `*` any run, `?` any byte, `[a-z]` and `[^…]` one of a
/// class, `\` the next byte as itself. With `nocase`, ASCII letters of either case are the same.
///
/// Takes at most pattern × text steps: after a mismatch only the last `*` is tried further on, for if
/// what follows it fits nowhere in the rest, no earlier `*` can help.
pub fn matches(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    if text.is_empty() {
        // Redis looks at a pattern only while there is text: not even `*` matches nothing.
        return pattern.is_empty();
    }
    let (mut rest, mut at) = (pattern, 0);
    // Behind the last `*`, and where in the text that is tried.
    let mut retry: Option<(&[u8], usize)> = None;
    let mut stars = 0;
    loop {
        if at == text.len() {
            return rest.iter().all(|byte| *byte == b'*');
        }
        if let [b'*', ..] = rest {
            let behind = rest.iter().position(|byte| *byte != b'*');
            let Some(behind) = behind else { return true };
            stars += 1;
            if stars > MAX_STARS {
                return false;
            }
            rest = &rest[behind..];
            retry = Some((rest, at));
            continue;
        }
        match step(rest, text[at], nocase) {
            Some(next) => {
                rest = next;
                at += 1;
            }
            None => {
                let Some((behind, from)) = retry else {
                    return false;
                };
                rest = behind;
                at = from + 1;
                retry = Some((behind, at));
            }
        }
    }
}

/// Takes one element that is no `*` off the pattern, if it matches `byte`.
#[inline]
fn step(pattern: &[u8], byte: u8, nocase: bool) -> Option<&[u8]> {
    let fold = |byte: u8| {
        if nocase {
            byte.to_ascii_lowercase()
        } else {
            byte
        }
    };
    let (literal, rest) = match pattern {
        [] => return None,
        [b'?', rest @ ..] => return Some(rest),
        [b'[', class @ ..] => return in_class(class, byte, nocase),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (*literal, rest),
    };
    (fold(literal) == fold(byte)).then_some(rest)
}

/// Takes a class off the pattern, its `[` gone already, if `byte` is in it. A class that does not
/// close ends with the pattern.
fn in_class(class: &[u8], byte: u8, nocase: bool) -> Option<&[u8]> {
    let fold = |byte: u8| {
        if nocase {
            byte.to_ascii_lowercase()
        } else {
            byte
        }
    };
    let (negated, mut class) = match class {
        [b'^', class @ ..] => (true, class),
        class => (false, class),
    };
    let mut found = false;
    let rest = loop {
        class = match class {
            [] => break class,
            [b']', rest @ ..] => break rest,
            [b'\\', literal, rest @ ..] => {
                // The one comparison in which Redis never folds case.
                found |= *literal == byte;
                rest
            }
            [one, b'-', other, rest @ ..] => {
                // Bytes above 127 come before all others in a range: C's `char` has a sign. Case is
                // folded after the ends are put in order, so `[Z-a]` then has nothing in it.
                let (one, other) = (*one as i8, *other as i8);
                let (low, high) = (fold(one.min(other) as u8), fold(one.max(other) as u8));
                found |= (low as i8..=high as i8).contains(&(fold(byte) as i8));
                rest
            }
            [literal, rest @ ..] => {
                found |= fold(*literal) == fold(byte);
                rest
            }
        };
    };
    (found != negated).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::matches;

    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(
            matches(pattern.as_bytes(), text.as_bytes(), false),
            expected,
            "{pattern:?} on {text:?}"
        );
    }

    #[test]
    fn whole_text() {
        check("key", "key", true);
        check("key", "keys", false);
        check("keys", "key", false);
        check("", "", true);
        check("", "a", false);
        check("k?y", "key", true);
        check("k?y", "ky", false);
    }

    #[test]
    fn stars() {
        check("*", "a", true);
        check("*", "", false);
        check("***a***", "bab", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c-b", false);
        check("*ab", "aab", true);
        check("a*", "a", true);
    }

    #[test]
    fn classes() {
        check("h[ae]llo", "hallo", true);
        check("h[^e]llo", "hello", false);
        check("h[a-b]llo", "hbllo", true);
        check("h[b-a]llo", "hallo", true);
        check("[a-]", "a", true);
        check("[]a", "a", false);
        check("[^]a", "xa", true);
        check("[abc", "c", true);
        check("[", "[", false);
        check(r"[\]]", "]", true);
        check(r"[a\-z]", "b", false);
        assert!(matches(b"[\xff-z]", b"a", false));
        assert!(!matches(b"[\x80-\xfe]", b"\xff", false));
    }

    #[test]
    fn escapes() {
        check(r"\*", "*", true);
        check(r"\*", "a", false);
        check(r"a\", r"a\", true);
        check(r"\[a]", "[a]", true);
    }

    #[test]
    fn case() {
        assert!(matches(b"[A-C]X*", b"bxY", true));
        assert!(!matches(br"[\A]", b"a", true));
        assert!(!matches(b"A", b"a", false));
    }

    #[test]
    fn many_stars_do_not_blow_up() {
        let text = vec![b'a'; 50_000];
        assert!(!matches(
            format!("{}b", "a*".repeat(900)).as_bytes(),
            &text,
            false
        ));
        assert!(matches("*a".repeat(1000).as_bytes(), &text, false));
        assert!(!matches("*a".repeat(1001).as_bytes(), &text, false));
    }
}
