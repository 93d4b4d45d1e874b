// Package ocmapi pins the module of OCM's API, so that a test can compare our CRDs with OCM's.
//
// The import keeps the requirement in go.mod. The files that the test reads are found by
//
//	go mod download open-cluster-management.io/api
//	go list -m -f '{{.Dir}}' open-cluster-management.io/api
package ocmapi

import _ "open-cluster-management.io/api/operator/v1"
