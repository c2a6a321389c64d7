// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package acceptance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/internal/harness"
)

var update = flag.Bool("update", false, "write the answers of the real Vault to the scripts")

func TestMain(m *testing.M) { harness.Main(m) }

// TestConversations compares the answers of each server with the recorded answers
// of a real Vault.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	vars := csrs(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			if *update {
				rewrite(t, file, vars)
			}
			harness.Each(t, func(t *testing.T, b harness.Backend) { converse(t, b, file, vars) })
		})
	}
}

func load(t *testing.T, file string) script {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return parseScript(t, string(text))
}

func converse(t *testing.T, b harness.Backend, file string, vars map[string]string) {
	s := load(t, file)
	s.run(t, b, copyOf(vars), func(at int, got string) {
		if diff := cmp.Diff(s.blocks[at].want, got); diff != "" {
			t.Errorf("%s, request %d, %s %s: (-Vault once, +%s now)\n%s", file, at+1, s.blocks[at].method, s.blocks[at].path, b.Name, diff)
		}
	})
}

func rewrite(t *testing.T, file string, vars map[string]string) {
	s := load(t, file)
	s.run(t, harness.StartVault(t, harness.ServerOptions{}), copyOf(vars), func(at int, got string) { s.blocks[at].want = got })
	if err := os.WriteFile(file, []byte(strings.TrimSpace(s.String())+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func copyOf(vars map[string]string) map[string]string {
	out := make(map[string]string)
	for name, value := range vars {
		out[name] = value
	}
	return out
}

// csrs returns CSRs for the scripts.
func csrs(t *testing.T) map[string]string {
	t.Helper()
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "csr.example.test", Organization: []string{"CSR"}}, DNSNames: []string{"san.example.test"}, IPAddresses: []net.IP{{10, 0, 0, 7}},
	}
	vars := make(map[string]string)
	for name, key := range map[string]crypto.Signer{"CSR_EC": ecKey, "CSR_RSA": rsaKey} {
		der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
		if err != nil {
			t.Fatal(err)
		}
		quoted, err := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})))
		if err != nil {
			t.Fatal(err)
		}
		vars[name] = string(quoted[1 : len(quoted)-1])
	}
	return vars
}
