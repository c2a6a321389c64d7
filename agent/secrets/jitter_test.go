// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"testing"

	"github.com/certagent/certagent/vaultreq"
)

func TestDraw(t *testing.T) {
	t.Parallel()
	r := req(t, vaultreq.Certificate, "pki/issue/web", "ttl=1h")
	if draw("host", r, "1") != draw("host", r, "1") {
		t.Error("a restart draws another number")
	}
	seen := map[float64]string{}
	for name, d := range map[string]float64{
		"one":     draw("host", r, "1"),
		"host":    draw("other", r, "1"),
		"serial":  draw("host", r, "2"),
		"kind":    draw("host", vaultreq.Request{Kind: vaultreq.Write, Path: r.Path, Params: r.Params}, "1"),
		"path":    draw("host", vaultreq.Request{Kind: r.Kind, Path: "pki/issue/db", Params: r.Params}, "1"),
		"params":  draw("host", vaultreq.Request{Kind: r.Kind, Path: r.Path, Params: `{}`}, "1"),
		"borders": draw("hostp", vaultreq.Request{Kind: r.Kind, Path: "ki/issue/web", Params: r.Params}, "1"),
	} {
		if d < 0 || d >= 1 {
			t.Errorf("%s: %v is not in [0,1)", name, d)
		}
		if other, ok := seen[d]; ok {
			t.Errorf("%s draws what %s draws", name, other)
		}
		seen[d] = name
	}
}
