// SPDX-License-Identifier: Apache-2.0

//go:build tools

// The programs of others that the long tests use, at the versions of go.mod.
package tools

import (
	_ "github.com/falcosecurity/falcoctl"
	_ "github.com/google/go-containerregistry/cmd/crane"
	_ "github.com/sigstore/cosign/v3/cmd/cosign"
)
