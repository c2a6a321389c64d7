// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
)

// Where Vault is: a flag counts more than its variable, that more than the
// file. What loses leads nowhere, so that the run shows who has won.
func TestPrecedenceOfConnectionSettings(t *testing.T) {
	w := newWorldWith(t, harness.ServerOptions{TLS: true})
	w.Write("ca.crt", string(w.CA))
	w.Write("cas/ca.crt", string(w.CA))
	w.Write("other.crt", otherCA(w))
	w.Write("others/other.crt", w.Read("other.crt"))
	const nowhere = "https://127.0.0.1:1"
	for _, c := range []struct {
		name, file string
		env, flags []string
	}{
		{"file", `address = "ADDRESS" ca_cert = "DIR/ca.crt"`, nil, nil},
		{"address by variable", `address = "` + nowhere + `" ca_cert = "DIR/ca.crt"`, []string{"VAULT_ADDR=ADDRESS"}, nil},
		{"address by flag", `address = "` + nowhere + `" ca_cert = "DIR/ca.crt"`, []string{"VAULT_ADDR=" + nowhere}, []string{"-address=ADDRESS"}},
		{"address by flag with two dashes", ``, []string{"VAULT_ADDR=" + nowhere, "VAULT_CACERT=DIR/ca.crt"}, []string{"--address", "ADDRESS"}},
		{"ca_cert by variable", `address = "ADDRESS" ca_cert = "DIR/other.crt"`, []string{"VAULT_CACERT=DIR/ca.crt"}, nil},
		{"ca_cert by flag", `address = "ADDRESS" ca_cert = "DIR/other.crt"`, []string{"VAULT_CACERT=DIR/other.crt"}, []string{"-ca-cert=DIR/ca.crt"}},
		{"ca_path by file", `address = "ADDRESS" ca_path = "DIR/cas"`, nil, nil},
		{"ca_path by variable", `address = "ADDRESS" ca_path = "DIR/others"`, []string{"VAULT_CAPATH=DIR/cas"}, nil},
		{"ca_path by flag", `address = "ADDRESS" ca_path = "DIR/others"`, []string{"VAULT_CAPATH=DIR/others"}, []string{"-ca-path=DIR/cas"}},
		{"tls_server_name by variable", `address = "ADDRESS" ca_cert = "DIR/ca.crt" tls_server_name = "wrong.test"`, []string{"VAULT_TLS_SERVER_NAME=localhost"}, nil},
		{"tls_server_name by flag", `address = "ADDRESS" ca_cert = "DIR/ca.crt" tls_server_name = "wrong.test"`, []string{"VAULT_TLS_SERVER_NAME=wrong.test"}, []string{"-tls-server-name=localhost"}},
		{"tls_skip_verify by file", `address = "ADDRESS" tls_skip_verify = true`, nil, nil},
		{"tls_skip_verify by variable", `address = "ADDRESS" tls_skip_verify = false`, []string{"VAULT_SKIP_VERIFY=true"}, nil},
		{"tls_skip_verify by flag", `address = "ADDRESS" tls_skip_verify = false`, []string{"VAULT_SKIP_VERIFY=false"}, []string{"-tls-skip-verify"}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			p := w.oneShot(t, c.file, c.env, c.flags)
			p.Ends(0)
			// And the other way about: without what has won it does not work.
			if len(c.flags) > 0 {
				w.oneShot(t, c.file, c.env, nil).Ends(4)
			} else if len(c.env) > 0 {
				w.oneShot(t, c.file, nil, nil).Ends(4)
			}
		})
	}
}

// oneShot logs in once with a vault block, variables and flags.
func (w *world) oneShot(t *testing.T, block string, env, flags []string) *process {
	t.Helper()
	dir := t.TempDir()
	text := "vault {\n" + strings.ReplaceAll(block, `" `, "\"\n") + "\n}\n" + strings.Replace(login, `vault { address = "ADDRESS" }`, "", 1)
	text = strings.Replace(text, "min_backoff", "exit_on_err = true\n    min_backoff", 1) + "exit_after_auth = true\n"
	text = strings.Replace(w.expand(text), w.Path("token"), filepath.Join(dir, "token"), 1)
	if err := os.WriteFile(filepath.Join(dir, "agent.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"agent", "-config=" + filepath.Join(dir, "agent.hcl")}
	for _, flag := range flags {
		args = append(args, w.expand(flag))
	}
	var variables []string
	for _, variable := range env {
		variables = append(variables, w.expand(variable))
	}
	return launch(t, dir, variables, args...)
}

func otherCA(w *world) string {
	w.Helper()
	ca, err := seed.PKI{Mount: "other"}.Apply(w.Context(), w.Client)
	w.Check(err)
	return ca
}

// A server that demands client certificates is reached with one, wherever it
// is named.
func TestPrecedenceOfClientCertificate(t *testing.T) {
	maker := newWorld(t)
	pair, err := seed.Issue(t.Context(), maker.Client, "pki/issue/web", seed.Params{"common_name": "agent"})
	maker.Check(err)
	cert, err := tls.X509KeyPair([]byte(pair.Cert), []byte(pair.Key))
	maker.Check(err)
	w := anotherWorld(t, harness.ServerOptions{ClientCA: []byte(pair.CA), ClientCert: &cert})
	w.Write("ca.crt", string(w.CA))
	w.Write("client.crt", pair.Cert)
	w.Write("client.key", string(pair.Key))
	const block = `address = "ADDRESS" ca_cert = "DIR/ca.crt"`
	for _, c := range []struct {
		name, file string
		env, flags []string
		code       int
	}{
		{"none", block, nil, nil, 4},
		{"file", block + ` client_cert = "DIR/client.crt" client_key = "DIR/client.key"`, nil, nil, 0},
		{"variables", block, []string{"VAULT_CLIENT_CERT=DIR/client.crt", "VAULT_CLIENT_KEY=DIR/client.key"}, nil, 0},
		{"flags", block, nil, []string{"-client-cert=DIR/client.crt", "-client-key=DIR/client.key"}, 0},
		{"flags over files that there are not", block + ` client_cert = "DIR/none.crt" client_key = "DIR/none.key"`,
			nil,
			[]string{"-client-cert=DIR/client.crt", "-client-key=DIR/client.key"}, 0},
		{"a file that there is not", block + ` client_cert = "DIR/none.crt" client_key = "DIR/client.key"`, nil, nil, 3},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			p := w.oneShot(t, c.file, c.env, c.flags)
			p.Ends(c.code)
			if c.code == 3 {
				p.Says(`none\.crt: no such file or directory`)
			}
		})
	}
}

func TestPrecedenceOfNamespace(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, file string
		env, flags []string
		want       string
	}{
		{"file", `namespace = "file"`, nil, nil, "file"},
		{"variable", `namespace = "file"`, []string{"VAULT_NAMESPACE=variable"}, nil, "variable"},
		{"flag", `namespace = "file"`, []string{"VAULT_NAMESPACE=variable"}, []string{"-namespace=flag"}, "flag"},
		{"short flag", `namespace = "file"`, []string{"VAULT_NAMESPACE=variable"}, []string{"-ns=flag"}, "flag"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			var seen atomic.Value
			w.Dev.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
				seen.Store(r.Header.Get("X-Vault-Namespace"))
				r.Header.Del("X-Vault-Namespace")
				return false
			})
			w.oneShot(t, `address = "ADDRESS" `+c.file, c.env, c.flags).Ends(0)
			if got, _ := seen.Load().(string); strings.Trim(got, "/") != c.want {
				t.Errorf("the namespace was %q, want %q", got, c.want)
			}
		})
	}
}

// The usage's worked example is a valid configuration without warnings.
func TestUsageExample(t *testing.T) {
	t.Parallel()
	example := regexp.MustCompile(`(?s)\$ cat agent\.hcl\n(.*?)\n    \$ certagent validate`).FindStringSubmatch(usage)
	if example == nil {
		t.Fatal("the usage has no example")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "agent.hcl"), []byte(example[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, dir, nil, "validate", "-config=agent.hcl")
	p.Ends(0)
	p.Says(`valid: agent.hcl\nbundle web\n`)
	p.Says(`check: nginx -t; (?s:.*)change: SIGHUP to /run/nginx\.pid`)
	if strings.Contains(p.String(), "warning") {
		t.Error("it has warnings")
	}
}
