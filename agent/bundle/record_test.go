// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"testing"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// Parameters print as "[redacted]", and were once digested as that.
func TestParametersAreAPartOfTheQuestion(t *testing.T) {
	ask := func(params string) plan.Origin {
		b := &Bundle{first: []vaultreq.Request{{Kind: vaultreq.Write, Path: "pki/issue/web"}}}
		b.first[0].Params = redact.Secret(params)
		return b.inputsOf(newSource(t.Context(), nil))
	}
	one, same, other := ask(`{"common_name":"a"}`), ask(`{"common_name":"a"}`), ask(`{"common_name":"b"}`)
	if !one.SameInputs(same) {
		t.Error("equal parameters are another question")
	}
	if one.SameInputs(other) {
		t.Error("other parameters are the same question")
	}
}
