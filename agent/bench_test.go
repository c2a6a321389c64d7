// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/dev/seed"
)

// BenchmarkStart is a one-shot run of an agent in this process: from a loaded
// configuration until so many bundles of three files are published. Vault costs
// next to nothing: it gives everybody the same certificate.
func BenchmarkStart(b *testing.B) {
	address := sameForAll(b)
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				cfg := benchConfig(b, address, b.TempDir(), n)
				b.StartTimer()
				a := &agent.Agent{Config: cfg, Logger: slog.New(slog.DiscardHandler)}
				if err := a.Run(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/bundle")
		})
	}
}

// sameForAll is a server that knows a login and one certificate.
func sameForAll(b *testing.B) (address string) {
	login := answer(b, map[string]any{"auth": map[string]any{"client_token": "t", "lease_duration": 3600, "renewable": true}})
	issued := answer(b, map[string]any{"data": issuedOnce(b)})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // what is asked does not matter
		if strings.HasPrefix(r.URL.Path, "/v1/auth/") {
			_, _ = w.Write(login)
			return
		}
		_, _ = w.Write(issued)
	}))
	b.Cleanup(server.Close)
	return server.URL
}

// issuedOnce is what a dev server answers to the issue of a certificate.
func issuedOnce(b *testing.B) map[string]any {
	s := dev.New(dev.Options{})
	client, err := api.NewClient(&api.Config{Address: "http://dev.test", HttpClient: &http.Client{Transport: s.Transport()}})
	if err != nil {
		b.Fatal(err)
	}
	client.SetToken(s.RootToken())
	pki := seed.PKI{CommonName: "bench CA", Roles: map[string]seed.Params{"web": {"allow_any_name": true}}}
	if _, err := pki.Apply(b.Context(), client); err != nil {
		b.Fatal(err)
	}
	secret, err := client.Logical().Write("pki/issue/web", map[string]any{"common_name": "example.test", "ttl": "24h"})
	if err != nil {
		b.Fatal(err)
	}
	return secret.Data
}

func answer(b *testing.B, body map[string]any) []byte {
	text, err := json.Marshal(body)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// benchConfig asks for n certificates, each in a directory of its own.
func benchConfig(b *testing.B, address, dir string, n int) *config.Config {
	var text strings.Builder
	text.WriteString("exit_after_auth = true\n" + strings.ReplaceAll(loginBlocks, "DIR", dir))
	for i := range n {
		at := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(at, 0o755); err != nil {
			b.Fatal(err)
		}
		one := strings.ReplaceAll(threeTemplates(fmt.Sprintf(`"alt_names=%d.test"`, i), ""), "DIR", at)
		text.WriteString(one)
	}
	for name, content := range map[string]string{"roleid": "r", "secretid": "s", "agent.hcl": text.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	cfg, problems := config.Load([]string{filepath.Join(dir, "agent.hcl")}, config.Overrides{
		Flags:     config.Flags{Address: &address},
		LookupEnv: func(string) (string, bool) { return "", false },
	})
	if cfg == nil {
		b.Fatal(problems)
	}
	return cfg
}
