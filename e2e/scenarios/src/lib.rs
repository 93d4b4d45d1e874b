//! What users are promised, proven on the test bed.
