//! `tls-ciphers` and `tls-ciphersuites`: which of the suites that there are may be spoken, said as OpenSSL
//! has it. Suites that rustls does not have (without forward secrecy, or with CBC) are passed over.

use tokio_rustls::rustls::{CipherSuite, SupportedCipherSuite};

/// A suite that can be had: OpenSSL's name for it, and the words that mean it among others.
struct Known {
    suite: CipherSuite,
    name: &'static str,
    words: &'static [&'static str],
}

/// Words that mean all suites up to TLS 1.2 that can be had: they are all as good as that.
const ALL: [&str; 9] = [
    "ALL",
    "COMPLEMENTOFDEFAULT",
    "DEFAULT",
    "ECDHE",
    "EECDH",
    "HIGH",
    "KECDHE",
    "KEECDH",
    "TLSV1.2",
];

const KNOWN: [Known; 9] = [
    known(
        CipherSuite::TLS13_AES_256_GCM_SHA384,
        "TLS_AES_256_GCM_SHA384",
        &[],
    ),
    known(
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        "TLS_AES_128_GCM_SHA256",
        &[],
    ),
    known(
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        "TLS_CHACHA20_POLY1305_SHA256",
        &[],
    ),
    known(
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        &["ECDSA", "AECDSA", "AES", "AES256", "AESGCM", "SHA384"],
    ),
    known(
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        &["ECDSA", "AECDSA", "AES", "AES128", "AESGCM", "SHA256"],
    ),
    known(
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        &["ECDSA", "AECDSA", "CHACHA20"],
    ),
    known(
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-RSA-AES256-GCM-SHA384",
        &["RSA", "ARSA", "AES", "AES256", "AESGCM", "SHA384"],
    ),
    known(
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-RSA-AES128-GCM-SHA256",
        &["RSA", "ARSA", "AES", "AES128", "AESGCM", "SHA256"],
    ),
    known(
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-RSA-CHACHA20-POLY1305",
        &["RSA", "ARSA", "CHACHA20"],
    ),
];

const fn known(suite: CipherSuite, name: &'static str, words: &'static [&'static str]) -> Known {
    Known { suite, name, words }
}

impl Known {
    /// Suites of TLS 1.3 are named otherwise, and chosen by another parameter.
    fn is_of_tls13(&self) -> bool {
        self.name.starts_with("TLS_")
    }

    /// True if a word, or several with `+` between them, means it.
    fn is_meant_by(&self, words: &str) -> bool {
        words.split('+').all(|word| {
            let word = word.to_ascii_uppercase();
            word == self.name
                || self.words.contains(&word.as_str())
                || (!self.is_of_tls13() && ALL.contains(&word.as_str()))
        })
    }
}

/// Leaves those suites that both parameters want, in their order; an empty one wants all.
///
/// # Errors
/// A sentence about the parameter that leaves none.
pub(crate) fn choose(
    suites: &mut Vec<SupportedCipherSuite>,
    up_to_tls12: &str,
    of_tls13: &str,
) -> Result<(), String> {
    let of = |tls13: bool| move |known: &&Known| known.is_of_tls13() == tls13;
    let newer: Vec<&Known> = KNOWN.iter().filter(of(true)).collect();
    let older: Vec<&Known> = KNOWN.iter().filter(of(false)).collect();
    let newer = wanted(newer, of_tls13).ok_or_else(|| none("tls-ciphersuites", of_tls13))?;
    let older = wanted(older, up_to_tls12).ok_or_else(|| none("tls-ciphers", up_to_tls12))?;
    let find = |known: &Known| {
        suites
            .iter()
            .find(|own| own.suite() == known.suite)
            .copied()
    };
    *suites = newer.into_iter().chain(older).filter_map(find).collect();
    Ok(())
}

fn none(name: &str, value: &str) -> String {
    format!("{name} {value}: no cipher that can be had is among them")
}

/// What a list of OpenSSL's leaves: `A:B` in that order, `!A` never, `-A` not unless it comes again.
fn wanted<'a>(all: Vec<&'a Known>, list: &str) -> Option<Vec<&'a Known>> {
    if list.trim().is_empty() {
        return Some(all);
    }
    let (mut left, mut rest) = (Vec::new(), all);
    for item in list.split([':', ',', ' ']).filter(|item| !item.is_empty()) {
        if item.starts_with('@') {
            // The order of strength is theirs already.
            continue;
        }
        let (sign, words) = match item.as_bytes()[0] {
            sign @ (b'!' | b'-' | b'+') => (Some(sign), &item[1..]),
            _ => (None, item),
        };
        let is_meant = |known: &&Known| known.is_meant_by(words);
        match sign {
            None => left.extend(rest.extract_if(.., |known| is_meant(&&**known))),
            Some(b'+') => {
                let moved: Vec<_> = left.extract_if(.., |known| is_meant(&&**known)).collect();
                left.extend(moved);
            }
            Some(sign) => {
                let gone = left.extract_if(.., |known: &mut &Known| is_meant(&&**known));
                if sign == b'-' {
                    rest.extend(gone);
                } else {
                    gone.for_each(drop);
                    rest.retain(|known| !is_meant(known));
                }
            }
        }
    }
    (!left.is_empty()).then_some(left)
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::crypto::ring;

    use super::*;

    fn chosen(up_to_tls12: &str, of_tls13: &str) -> Result<Vec<&'static str>, String> {
        let mut suites = ring::default_provider().cipher_suites;
        choose(&mut suites, up_to_tls12, of_tls13)?;
        let name = |suite: &SupportedCipherSuite| {
            let known = KNOWN.iter().find(|known| known.suite == suite.suite());
            known.map_or("unknown", |known| known.name)
        };
        Ok(suites.iter().map(name).collect())
    }

    #[test]
    fn every_suite_that_there_is_has_its_name() {
        let all = chosen("", "").expect("all");
        assert_eq!(all.len(), ring::default_provider().cipher_suites.len());
        assert!(!all.contains(&"unknown"));
        assert_eq!(chosen("DEFAULT:!MEDIUM", ""), Ok(all));
    }

    #[test]
    fn lists_mean_what_they_mean_to_openssl() {
        let one = "TLS_AES_128_GCM_SHA256";
        let with = |older: &[&'static str]| Ok([&[one], older].concat());
        assert_eq!(
            chosen("ECDHE-RSA-AES128-GCM-SHA256", one),
            with(&["ECDHE-RSA-AES128-GCM-SHA256"])
        );
        assert_eq!(
            chosen("AES128-SHA:ECDHE+AESGCM:!ECDSA:-AES256", one),
            with(&["ECDHE-RSA-AES128-GCM-SHA256"])
        );
        assert_eq!(
            chosen("HIGH:!aRSA:+CHACHA20:!AES128:@STRENGTH", one),
            with(&[
                "ECDHE-ECDSA-AES256-GCM-SHA384",
                "ECDHE-ECDSA-CHACHA20-POLY1305"
            ])
        );
    }

    #[test]
    fn a_list_that_leaves_nothing_is_refused() {
        let error = chosen("AES128-SHA:nonsense", "").expect_err("none of them");
        assert!(error.contains("tls-ciphers AES128-SHA"), "{error}");
        assert!(chosen("", "ECDHE-RSA-AES128-GCM-SHA256").is_err());
        assert!(chosen("ALL:!ALL", "").is_err());
    }
}
