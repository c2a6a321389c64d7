// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/redact"
)

// attempts is how many ports are tried: between finding a free one and Vault's
// taking it, another process may have taken it.
const attempts = 5

// started is what Vault prints last when it has started as a dev server.
const started = "Development mode should NOT be used"

// VaultBinary returns the real Vault's path: $CERTAGENT_VAULT, else bin/vault of
// this module. Without it the test is skipped, or fails if
// $CERTAGENT_REQUIRE_REAL is 1.
func VaultBinary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("CERTAGENT_VAULT")
	if path == "" {
		path = filepath.Join(moduleRoot(t), "bin", "vault")
	}
	if _, err := os.Stat(path); err != nil {
		Missing(t, "there is no real Vault: %v (build it with: make bin/vault)", err)
	}
	return path
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = parent
	}
}

// StartVault starts a real Vault as a dev server.
func StartVault(t *testing.T, o ServerOptions) Backend {
	t.Helper()
	binary, root := VaultBinary(t), "root-of-"+strings.ReplaceAll(t.Name(), "/", "-")
	for range attempts {
		address := FreeAddress(t)
		b := Backend{Name: "vault", URL: "http://" + address, RootToken: redact.Secret(root), clientCert: o.ClientCert}
		args := []string{"server", "-dev", "-dev-no-store-token", "-dev-root-token-id=" + root, "-dev-listen-address=" + address}
		if o.TLS || o.ClientCA != nil {
			address := FreeAddress(t)
			b.URL = "https://" + address
			b.CA = tlsListener(t, o, address, &args)
		}
		if startProcess(t, binary, args) {
			b.Client = b.NewClient(t, root)
			return b
		}
	}
	t.Fatalf("Vault did not start in %d attempts", attempts)
	return Backend{}
}

// startProcess starts Vault and waits until it says that it has started. False
// means that it ended before that.
func startProcess(t *testing.T, binary string, args []string) bool {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "VAULT_DISABLE_MLOCK=1")
	p := Start(t, cmd)
	Eventually(t, "Vault starts", func() bool { return !p.Running() || p.Count(started) > 0 })
	if p.Count(started) > 0 {
		return true
	}
	t.Logf("Vault ended at once:\n%s", p)
	return false
}

// tlsListener adds a listener with TLS to Vault's arguments and returns the PEM
// of its CA.
func tlsListener(t *testing.T, o ServerOptions, address string, args *[]string) []byte {
	t.Helper()
	helper, dir := StartDev(t, ServerOptions{}), t.TempDir()
	pki := seed.PKI{CommonName: "listener CA", Roles: map[string]seed.Params{"listener": {"allow_any_name": true}}}
	if _, err := pki.Apply(t.Context(), helper.Client); err != nil {
		t.Fatal(err)
	}
	pair, err := seed.Issue(t.Context(), helper.Client, "pki/issue/listener", seed.Params{"common_name": "localhost", "ip_sans": "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("listener \"tcp\" {\n  address = %q\n  tls_cert_file = \"%s/tls.crt\"\n  tls_key_file = \"%s/tls.key\"\n", address, dir, dir)
	files := map[string]string{"tls.crt": pair.Cert + "\n", "tls.key": string(pair.Key) + "\n"}
	if o.ClientCA != nil {
		files["client-ca.crt"] = string(o.ClientCA)
		config += fmt.Sprintf("  tls_require_and_verify_client_cert = true\n  tls_client_ca_file = \"%s/client-ca.crt\"\n", dir)
	}
	files["vault.hcl"] = config + "}\n"
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	*args = append(*args, "-config="+filepath.Join(dir, "vault.hcl"))
	return []byte(pair.CA)
}
