// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/vaultreq"
)

// issue is the template of a certificate's file as users write it.
const issue = `{{ with secret "pki/issue/web" "common_name=web.example.test" "ttl=24h" }}{{ .Data.certificate }}
{{ .Data.issuing_ca }}{{ end }}`

func certificates() *world {
	request := write(vaultreq.Write, "pki/issue/web", map[string]string{"common_name": "web.example.test", "ttl": "24h"})
	return &world{secrets: map[vaultreq.Request]*api.Secret{request: {Data: map[string]any{
		"certificate": strings.Repeat("c", 1200), "issuing_ca": strings.Repeat("i", 1000), "private_key": strings.Repeat("k", 240),
		"ca_chain": []any{strings.Repeat("i", 1000)}, "serial_number": "01:02", "private_key_type": "ec",
	}}}}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		parsed(b, text(issue))
	}
}

func BenchmarkExecute(b *testing.B) {
	for name, contents := range map[string]string{
		"own":     issue,
		"library": strings.Replace(issue, ".Data.issuing_ca", ".Data.issuing_ca | trimSpace", 1),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			tmpl, w := parsed(b, text(contents)), certificates()
			for b.Loop() {
				w.asked = w.asked[:0]
				if _, err := tmpl.Execute(b.Context(), w); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
