//! CPU and memory of what OCM's operators install.

use fleetconfig_api::common::{QosClass, ResourceSpec, ResourceValues};
use fleetconfig_api::values;
use ocm_api::operator::v1::ResourceRequirement;
use serde_json::{Map, Value, json};

use super::{RenderError, as_ocm};

/// `resourceRequirement` of a ClusterManager or Klusterlet: the one in the chart values, else the
/// one that the Hub or Spoke describes.
pub(super) fn requirement(
    spec: &ResourceSpec,
    values: Option<&values::ResourceRequirement>,
) -> Result<ResourceRequirement, RenderError> {
    match values {
        Some(values) => as_ocm("values.resourceRequirement", values),
        None => as_ocm("resources", &described(spec)?),
    }
}

/// What the Hub or Spoke describes, in the form of OCM's kinds.
fn described(spec: &ResourceSpec) -> Result<Value, RenderError> {
    let class = match spec.qos_class {
        QosClass::Default => "Default",
        QosClass::BestEffort => "BestEffort",
        QosClass::ResourceRequirement => "ResourceRequirement",
    };
    if spec.qos_class != QosClass::ResourceRequirement {
        if spec.limits.is_some() || spec.requests.is_some() {
            return Err(RenderError::invalid(
                "resources",
                format!(
                    "limits and requests are not used with qosClass {class}; set qosClass to ResourceRequirement"
                ),
            ));
        }
        return Ok(json!({ "type": class }));
    }
    let mut amounts = Map::new();
    for (name, given) in [("limits", &spec.limits), ("requests", &spec.requests)] {
        if let Some(given) = given {
            amounts.insert(name.into(), list(name, given)?);
        }
    }
    for (resource, pick) in [("cpu", cpu as Pick), ("memory", memory as Pick)] {
        let limit = spec.limits.as_ref().and_then(pick).and_then(amount);
        let request = spec.requests.as_ref().and_then(pick).and_then(amount);
        if limit.zip(request).is_some_and(|(limit, request)| request > limit) {
            let problem = format!("requests.{resource} is more than limits.{resource}");
            return Err(RenderError::invalid("resources", problem));
        }
    }
    Ok(json!({ "type": class, "resourceRequirements": amounts }))
}

type Pick = fn(&ResourceValues) -> Option<&str>;

fn cpu(values: &ResourceValues) -> Option<&str> {
    values.cpu.as_deref().filter(|text| !text.is_empty())
}

fn memory(values: &ResourceValues) -> Option<&str> {
    values.memory.as_deref().filter(|text| !text.is_empty())
}

fn list(name: &str, values: &ResourceValues) -> Result<Value, RenderError> {
    let mut list = Map::new();
    for (resource, pick) in [("cpu", cpu as Pick), ("memory", memory as Pick)] {
        let Some(text) = pick(values) else { continue };
        if amount(text).is_none() {
            let problem = format!("{name}.{resource} {text:?} is not a quantity such as 500m or 128Mi");
            return Err(RenderError::invalid("resources", problem));
        }
        list.insert(resource.into(), text.into());
    }
    Ok(Value::Object(list))
}

/// A Kubernetes quantity as a number, `None` for anything else. Exact enough to compare a request
/// with a limit; OCM gets the text as it was written.
fn amount(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let factor = match unit {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        "Ei" => 1_152_921_504_606_846_976.0,
        exponent => 10_f64.powi(exponent.strip_prefix(['e', 'E'])?.parse::<i8>().ok()?.into()),
    };
    let digits: f64 = digits.parse().ok()?;
    Some(digits * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(cpu: &str, memory: &str) -> ResourceValues {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ResourceValues { cpu: given(cpu), memory: given(memory) }
    }

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, expected) in [
            ("1", 1.0),
            ("250m", 0.25),
            (".5", 0.5),
            ("1Ki", 1024.0),
            ("2e3", 2000.0),
            ("3E-2", 0.03),
            ("1E", 1e18),
        ] {
            assert_eq!(amount(text), Some(expected), "{text}");
        }
        for text in ["", "m", "1 Gi", "-1", "1.2.3", "1Kib", "one", "1e", "NaN", "inf"] {
            assert_eq!(amount(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_are_used_only_with_their_class_and_must_fit() {
        let spec = |qos_class, limits, requests| ResourceSpec { qos_class, limits, requests };
        let shown = |spec: &ResourceSpec| described(spec).map_err(|error| error.to_string());
        let class = QosClass::ResourceRequirement;
        assert_eq!(
            shown(&spec(class, Some(values("1", "128Mi")), Some(values("500m", "")))),
            Ok(json!({
                "type": "ResourceRequirement",
                "resourceRequirements": { "limits": { "cpu": "1", "memory": "128Mi" }, "requests": { "cpu": "500m" } },
            }))
        );
        assert_eq!(shown(&spec(QosClass::BestEffort, None, None)), Ok(json!({ "type": "BestEffort" })));
        assert_eq!(
            shown(&spec(QosClass::Default, Some(values("1", "")), None)),
            Err("resources: limits and requests are not used with qosClass Default; set qosClass to ResourceRequirement".into())
        );
        assert_eq!(
            shown(&spec(class, Some(values("", "1Gi")), Some(values("", "1025Mi")))),
            Err("resources: requests.memory is more than limits.memory".into())
        );
        assert_eq!(
            shown(&spec(class, Some(values("fast", "")), None)),
            Err("resources: limits.cpu \"fast\" is not a quantity such as 500m or 128Mi".into())
        );
    }
}
