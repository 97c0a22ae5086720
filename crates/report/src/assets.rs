//! Scripts and styles of a page, and the policy that lets it do nothing but show them.

use sha2::{Digest, Sha256};

/// A script that somebody else wrote.
pub struct Vendored {
    /// Package and version.
    pub name: &'static str,
    /// Contents.
    pub text: &'static str,
    /// SHA-256 of the contents, as `vendor/README.md` has it.
    pub sha256: &'static str,
}

/// Scripts in the order in which a page runs them.
pub const VENDORED: [Vendored; 3] = [
    Vendored {
        name: "vega 6.4.0",
        text: include_str!("../vendor/vega.min.js"),
        sha256: "8f6a3587cf8d4f42c7e08120e3eb05d067e746d554e39d2dcf52acc0bd5ba28f",
    },
    Vendored {
        name: "vega-lite 6.4.3",
        text: include_str!("../vendor/vega-lite.min.js"),
        sha256: "843d20762ca6e52ff5ceab7a3296219272a9c0b5364402d6814f3c7738f4be5e",
    },
    Vendored {
        name: "vega-embed 7.3.0",
        text: include_str!("../vendor/vega-embed.min.js"),
        sha256: "6719f03edf72beff23310ee56cd0f1a9ebbf7ddcc656d3e5cc2f9067ab835671",
    },
];

/// The script of the page itself.
pub const SCRIPT: &str = include_str!("../templates/page.js");

/// The style of the page.
pub const STYLE: &str = include_str!("../templates/page.css");

/// The content security policy: these scripts by their hashes, styles and pictures of the page,
/// and no address whatsoever.
pub fn policy() -> String {
    let scripts = VENDORED.iter().map(|script| script.text).chain([SCRIPT]);
    let hashes: Vec<String> = scripts
        .map(|text| format!("'sha256-{}'", base64(&hash(text))))
        .collect();
    format!(
        "default-src 'none'; script-src {}; style-src 'unsafe-inline'; img-src data: blob:; \
         base-uri 'none'; form-action 'none'",
        hashes.join(" ")
    )
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Base64 of 32 bytes, padded.
fn base64(bytes: &[u8; 32]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(44);
    for chunk in bytes.chunks(3) {
        let mut group = [0u8; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for place in 0..4 {
            match place <= chunk.len() {
                true => out.push(char::from(DIGITS[(bits >> (18 - 6 * place)) as usize & 63])),
                false => out.push('='),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendored_scripts_are_those_of_the_registry() {
        for script in VENDORED {
            let hex: String = hash(script.text)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(hex, script.sha256, "{}", script.name);
            let readme = include_str!("../vendor/README.md");
            assert!(readme.contains(script.sha256), "{}", script.name);
            // What would end the element that holds it.
            let lower = script.text.to_lowercase();
            assert!(
                !lower.contains("</script") && !lower.contains("<!--"),
                "{}",
                script.name
            );
        }
        assert!(!SCRIPT.contains("</script") && !SCRIPT.contains('\r'));
    }

    #[test]
    fn hashes_are_written_as_a_browser_expects() {
        // The example of the specification of content security policies, level 3.
        let found = base64(&hash("alert('Hello, world.');"));
        assert_eq!(found, "qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
        assert!(policy().contains("'sha256-j2o1h8+NT0LH4IEg4+sF0GfnRtVU450tz1KswL1boo8='"));
    }

    #[test]
    fn the_policy_knows_no_address() {
        assert!(!policy().contains("http") && !policy().contains("unsafe-eval"));
    }
}
