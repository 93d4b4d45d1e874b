//! Writing the few DER structures of a certificate request.
//!
//! The policy writes again what it has read, and demands that the result is the request, byte for byte
//! ([`super::request`]). So two parsers cannot read two different things out of one approved request:
//! there is one way to write it in DER, and this is it.

/// A SEQUENCE.
pub(super) const SEQUENCE: u8 = 0x30;
/// A SET.
pub(super) const SET: u8 = 0x31;
/// An OBJECT IDENTIFIER.
pub(super) const OID: u8 = 0x06;
/// A BIT STRING.
pub(super) const BIT_STRING: u8 = 0x03;
/// The empty attributes of a request: context tag 0, no content.
pub(super) const NO_ATTRIBUTES: [u8; 2] = [0xa0, 0x00];
/// Version 0 of a request.
pub(super) const VERSION: [u8; 3] = [0x02, 0x01, 0x00];

/// Tag, length in its shortest form, content.
pub(super) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            // A usize has at most eight bytes, so the count fits beside the high bit.
            out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(0x7f));
            out.extend(bytes);
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::tlv;

    #[test]
    fn lengths_are_written_in_their_shortest_form() {
        assert_eq!(tlv(0x30, &[]), [0x30, 0]);
        assert_eq!(tlv(0x04, &[&[1], &[2]]), [0x04, 2, 1, 2]);
        for (length, head) in [
            (0x7f, vec![0x04, 0x7f]),
            (0x80, vec![0x04, 0x81, 0x80]),
            (0xff, vec![0x04, 0x81, 0xff]),
            (0x100, vec![0x04, 0x82, 0x01, 0x00]),
        ] {
            assert_eq!(tlv(0x04, &[&vec![0; length]])[..head.len()], head[..], "{length}");
        }
    }
}
