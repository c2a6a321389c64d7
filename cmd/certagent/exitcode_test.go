// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/logmsg"
)

// webBlock is a bundle of one certificate, with more keys and blocks.
func webBlock(role, more string) string {
	return `
bundle "web" {
  certificate {
    role        = "` + role + `"
    common_name = "example.test"
    files       = { cert = "DIR/web/tls.crt", key = "DIR/web/tls.key" }
  }
  ` + more + `
}
`
}

// serveOther serves another certificate than anybody has asked for, and returns
// its address.
func serveOther(w *world) string {
	w.Helper()
	pair, err := seed.Issue(w.Context(), w.Client, "pki/issue/web", seed.Params{"common_name": "example.test"})
	w.Check(err)
	cert, err := tls.X509KeyPair([]byte(pair.Cert), []byte(pair.Key))
	w.Check(err)
	return serveTLS(w, &tls.Config{Certificates: []tls.Certificate{cert}})
}

// serveTLS does the handshakes of a server, and returns its address.
func serveTLS(w *world, config *tls.Config) string {
	w.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	w.Check(err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			_ = conn.(*tls.Conn).Handshake() // one that fails is the client's affair
			conn.Close()
		}
	}()
	w.Cleanup(func() {
		l.Close()
		<-ended
	})
	return l.Addr().String()
}

// nobodyAt is an address at which nobody listens.
func nobodyAt(w *world) string {
	w.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.Check(err)
	defer l.Close()
	return l.Addr().String()
}

// Each way in which a one-shot run can fail has its exit code, as the README says.
func TestExitCodesOfAOneShotRun(t *testing.T) {
	strict := strings.Replace(login, `address = "ADDRESS"`, "address = \"ADDRESS\"\n  retry { num_retries = -1 }\n", 1) +
		"template_config { exit_on_retry_failure = true }\n"
	verify := func(address string) string {
		return "verify {\n address = \"" + address + "\"\n server_name = \"example.test\"\n timeout = \"1s\"\n}\n"
	}
	fails := strings.Replace(login, "min_backoff", "exit_on_err = true\n    min_backoff", 1)
	for _, c := range []struct {
		name string
		text func(w *world) string
		code int
		says string
	}{
		{"all is well", func(*world) string {
			return strict + webBlock("pki/web", `check { command = ["true"] }`) + password(`command = ["true"]`)
		}, 0, logmsg.Finished + ` renewed=2 kept=0\n`},
		{"nobody serves it", func(w *world) string { return strict + webBlock("pki/web", verify(nobodyAt(w))) }, 0, logmsg.Unreachable},
		{"a mistake", func(*world) string { return strict + webBlock("pki/web", `change_mode = "sometimes"`) }, 3, `change_mode`},
		{"no client certificate", func(*world) string {
			return strings.Replace(strict, `address = "ADDRESS"`, "address = \"ADDRESS\"\n client_cert = \"DIR/none.crt\"\n client_key = \"DIR/none.key\"", 1) + password("")
		}, 3, `none\.crt`},
		{"a login that is refused", func(w *world) string {
			w.Write("secretid", "11111111-2222-3333-4444-555555555555")
			return fails + password("")
		}, 4, `logging in by approle`},
		{"a sealed Vault", func(w *world) string { w.Dev.Seal(); return fails + password("") }, 4, `Vault is sealed`},
		{"no such secret", func(*world) string { return strict + strings.Replace(password(""), "data/app", "data/none", 1) }, 5, `no secret exists`},
		{"no such role", func(*world) string { return strict + webBlock("pki/nobody", "") }, 5, `pki/sign/nobody`},
		{"no such field", func(*world) string {
			return strict + strings.Replace(password("error_on_missing_key = true"), "data.password", "data.none", 1)
		}, 5, `none`},
		{"a certificate without its key", func(*world) string {
			return strict + strings.Replace(certificate(once, ""), ".Data.private_key", ".Data.issuing_ca", 1) +
				strings.Replace(password(""), "{{ .Data.data.password }}", "-----BEGIN CERTIFICATE-----\\nx\\n-----END CERTIFICATE-----", 1)
		}, 5, `damaged`},
		{"no such owner", func(*world) string { return strict + password(`user = "nobody-of-that-name"`) }, 3, `there is no user`},
		{"no directory", func(*world) string {
			return strict + strings.Replace(password(""), "DIR/password", "DIR/roleid/password", 1)
		}, 6, `not a directory`},
		{"no directory for a bundle", func(*world) string {
			return strict + strings.ReplaceAll(webBlock("pki/web", ""), "DIR/web", "DIR/roleid")
		}, 6, `not a directory`},
		{"a change that fails", func(*world) string { return strict + password(`command = ["false"]`) }, 7, `exit code 1`},
		{"a bundle's change that fails", func(*world) string {
			return strict + webBlock("pki/web", "change_mode = \"command\"\n command = [\"false\"]")
		}, 7, `exit code 1`},
		{"a change that may not fail", func(*world) string {
			return login + password("change_mode = \"command\"\n change_script {\n command = \"false\"\n fail_on_error = true\n}")
		}, 7, `exit code 1`},
		{"a check that refuses", func(*world) string { return strict + webBlock("pki/web", `check { command = ["false"] }`) }, 7, logmsg.CheckFailed},
		{"another certificate is served", func(w *world) string { return strict + webBlock("pki/web", verify(serveOther(w))) }, 7,
			`the served certificate is not the published one" code=7`},
		{"the child ends first", func(w *world) string {
			w.Dev.Seal()
			return login + password("") + child("exit 9", `start = "immediately"`)
		}, 9, `code=9`},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			p := w.start(c.text(w), "-exit-after-auth")
			p.Ends(c.code)
			p.Says(c.says)
			p.leavesNothing()
		})
	}
}
