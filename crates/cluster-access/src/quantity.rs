//! Quantities of resources compared by value: `1000m` is `1`, `1024Mi` is `1Gi`.
//!
//! Grammar: `k8s.io/apimachinery/pkg/api/resource` (sign, decimal number, then a binary suffix, a
//! decimal suffix or a decimal exponent). Kubernetes keeps at most nine decimals.

use serde_json::Value;

/// Whether two JSON values write the same quantity. What is no quantity, or too large for this
/// comparison, is not the same as anything.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (nano_of(left), nano_of(right)) {
        (Some(left), Some(right)) => left == right,
        _ => false,
    }
}

fn nano_of(value: &Value) -> Option<i128> {
    match value {
        Value::String(text) => nano(text),
        Value::Number(number) => nano(&number.to_string()),
        _ => None,
    }
}

/// The quantity in units of 10⁻⁹.
fn nano(text: &str) -> Option<i128> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (digits, suffix) = unsigned.split_at(end);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    // Value = mantissa × 10^(exponent − fraction digits) × binary factor, in units of 10⁻⁹.
    let (ten, two) = exponents(suffix)?;
    let power = 9_i32.checked_add(ten)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let scaled = mantissa.checked_mul(1_i128.checked_shl(two)?)?;
    let nano = if power >= 0 {
        scaled.checked_mul(10_i128.checked_pow(power.unsigned_abs())?)?
    } else {
        let divisor = 10_i128.checked_pow(power.unsigned_abs())?;
        // Finer than 10⁻⁹ is rounded away from zero, as Kubernetes does.
        scaled.checked_div(divisor)? + i128::from(scaled.checked_rem(divisor)? != 0)
    };
    Some(if negative { -nano } else { nano })
}

/// Powers of ten and of two that a suffix stands for.
fn exponents(suffix: &str) -> Option<(i32, u32)> {
    Some(match suffix {
        "" => (0, 0),
        "n" => (-9, 0),
        "u" => (-6, 0),
        "m" => (-3, 0),
        "k" => (3, 0),
        "M" => (6, 0),
        "G" => (9, 0),
        "T" => (12, 0),
        "P" => (15, 0),
        "E" => (18, 0),
        "Ki" => (0, 10),
        "Mi" => (0, 20),
        "Gi" => (0, 30),
        "Ti" => (0, 40),
        "Pi" => (0, 50),
        "Ei" => (0, 60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?;
            (-64..=64).contains(&exponent).then_some((exponent, 0))?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_same_amount_in_other_words() {
        for (left, right) in [
            (json!("1000m"), json!("1")),
            (json!("0.5"), json!("500m")),
            (json!(1), json!("1")),
            (json!("1Gi"), json!("1024Mi")),
            (json!("1.5Gi"), json!("1536Mi")),
            (json!("1k"), json!("1000")),
            (json!("1e3"), json!("1k")),
            (json!("2E"), json!("2000P")),
            (json!(".5"), json!("500m")),
            (json!("+1"), json!("1.000")),
        ] {
            assert!(same(&left, &right), "{left} {right}");
            assert!(same(&right, &left), "{right} {left}");
        }
    }

    #[test]
    fn other_amounts_and_what_is_no_quantity_differ() {
        for (left, right) in [
            (json!("1G"), json!("1Gi")),
            (json!("1m"), json!("1M")),
            (json!("-1"), json!("1")),
            (json!(""), json!("")),
            (json!("."), json!(".")),
            (json!("1.2.3"), json!("1.2.3")),
            (json!("1e999999999999"), json!("1e999999999999")),
            (json!("99999999999999999999999999999999999999Ei"), json!("1")),
            (json!(true), json!(true)),
        ] {
            assert!(!same(&left, &right), "{left} {right}");
        }
    }
}
