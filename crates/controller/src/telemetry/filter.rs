//! Which log lines are written.

use std::fmt;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, LevelFilter};

/// A level, or directives of tracing-subscriber separated by commas, that have been found to make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

/// A filter that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogFilterError {
    /// There is nothing in it.
    #[error("the filter is empty; write a level: error, warn, info, debug, trace or off")]
    Empty,
    /// One part of it.
    #[error(
        "`{directive}` is no directive; write a level (error, warn, info, debug, trace, off) or TARGET=LEVEL, separated by commas"
    )]
    Directive {
        /// The part.
        directive: String,
    },
}

impl LogFilter {
    /// The filter as it is used.
    pub(super) fn to_env_filter(&self) -> EnvFilter {
        let directives = directives(&self.0).into_iter().filter_map(|text| text.parse::<Directive>().ok());
        let bare = EnvFilter::default();
        directives.fold(bare, EnvFilter::add_directive)
    }
}

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let directives = directives(text);
        if directives.is_empty() {
            return Err(LogFilterError::Empty);
        }
        match directives.into_iter().find(|directive| !makes_sense(directive)) {
            Some(directive) => Err(LogFilterError::Directive { directive: directive.to_owned() }),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A single word that is no level would be taken for the name of a module, and everything else would be
/// silent: a misspelt level.
fn makes_sense(directive: &str) -> bool {
    let is_level = directive.parse::<LevelFilter>().is_ok();
    let is_pair = directive.contains(['=', '[']);
    (is_level || is_pair) && directive.parse::<Directive>().is_ok()
}

/// The parts between commas; fields of a span have commas of their own, in braces.
fn directives(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = text.split(move |character| {
        match character {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_taken_as_they_are() {
        for text in [
            "info",
            "WARN",
            "off",
            "info,fleetconfig_controller::streams=debug",
            "warn, kube=trace",
            "info,[reconcile{kind=Spoke,object}]=debug",
        ] {
            let filter: LogFilter = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(filter.to_string(), text);
            let shown = filter.to_env_filter().to_string();
            for part in ["streams=debug", "kube=trace"] {
                assert_eq!(shown.contains(part), text.contains(part), "{shown}");
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, directive) in [
            ("inof", "inof"),
            ("info,kube=louder", "kube=louder"),
            ("info,fleetconfig_controller", "fleetconfig_controller"),
            ("info,[reconcile=debug", "[reconcile=debug"),
        ] {
            let error = text.parse::<LogFilter>().unwrap_err();
            assert_eq!(error, LogFilterError::Directive { directive: directive.to_owned() });
            assert!(error.to_string().contains(directive), "{error}");
        }
        assert_eq!(" ,".parse::<LogFilter>(), Err(LogFilterError::Empty));
    }
}
