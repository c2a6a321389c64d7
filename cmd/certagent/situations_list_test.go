// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// situations returns all of the page.
func situations() []situation {
	return slices.Concat(vaultSituations, loginSituations, certificateSituations, fileSituations, consumerSituations, hostSituations, longSituations)
}

// web is a bundle of one certificate, which lives for an hour.
func web(more string) func(*world) string {
	return func(*world) string { return login + webBlock("pki/web", either(more, `change_mode = "noop"`)) }
}

// renewing is a bundle whose certificate is renewed every few seconds, long before its
// end.
func renewing(more string) func(*world) string {
	return func(*world) string { return renewingText("60s", more) }
}

// living is a bundle whose certificate lives for a time.
func living(ttl, more string) func(*world) string {
	return func(*world) string {
		return login + strings.Replace(webBlock("pki/web", either(more, `change_mode = "noop"`)), "common_name", "ttl = \""+ttl+"\"\n common_name", 1)
	}
}

func renewingText(ttl, more string) string {
	block := webBlock("pki/web", either(more, `change_mode = "noop"`)+"\n renew_at = 0.05")
	return login + strings.Replace(block, "common_name", "ttl = \""+ttl+"\"\n common_name", 1)
}

func either(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func replaced(text func(*world) string, pairs ...string) func(*world) string {
	return func(w *world) string { return strings.NewReplacer(pairs...).Replace(text(w)) }
}

// answering has the server answer all requests, or those whose path has a prefix.
func answering(prefix string, status int, body string) func(*world) {
	return func(w *world) {
		w.Dev.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, prefix) {
				return false
			}
			_, _ = io.Copy(io.Discard, r.Body)
			answers(status, body)(rw, r)
			return true
		})
	}
}

func later(begin func(*world)) func(*world, *process) {
	return func(w *world, _ *process) { begin(w) }
}

func seal(w *world) { w.Dev.Seal() }

// away puts an address at which nobody listens for the server's.
func away(text func(*world) string) func(*world) string {
	return func(w *world) string { return strings.Replace(text(w), "ADDRESS", "http://"+nobodyAt(w), 1) }
}

// publishedBefore has an earlier run publish what a configuration says.
func publishedBefore(text func(*world) string) func(*world) {
	return func(w *world) { w.start(text(w), "-once").Ends(exitOK) }
}

// powerless is under what root's permissions count.
var powerless = []string{"setpriv", "--bounding-set=-all", "--inh-caps=-all"}

// exists reports whether a file of the world is there.
func (w *world) exists(name string) bool {
	_, err := os.Stat(w.Path(name))
	return err == nil
}

// mountFile mounts a file on itself until the test has ended.
func mountFile(w *world, path string) {
	w.Helper()
	if err := syscall.Mount(path, path, "", syscall.MS_BIND, ""); err != nil {
		harness.Missing(w.T, "cannot mount: %v", err)
	}
	w.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
}

var vaultSituations = []situation{
	{name: "Vault refuses connections; no files yet", text: away(web(""))},
	{name: "Vault refuses connections; valid files on disk", before: publishedBefore(web("")), text: away(web(""))},
	{name: "Vault's host name is unknown", text: replaced(web(""), "ADDRESS", "http://vualt.certagent.invalid:8200")},
	{name: "Vault does not answer", env: impatient, text: web(""), before: func(w *world) {
		w.Dev.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection is not noticed
			<-r.Context().Done()
			return true
		})
	}},
	{name: "Vault is sealed; no files yet", text: web(""), before: seal},
	{name: "Vault is sealed when a certificate is due", text: renewing(""), then: later(seal)},
	{name: "Vault has no active node", text: web(""), before: answering("", 500, `{"errors":["local node not active but active cluster node not found"]}`)},
	{name: "Vault is not initialised", text: web(""), before: answering("", 501, `{"errors":["Vault is not initialized"]}`)},
	{name: "Vault limits requests", text: web(""), before: answering("", 429, `{"errors":["rate limit quota exceeded"]}`)},
	{name: "`https://` for a Vault without TLS", text: func(w *world) string {
		return strings.Replace(web("")(w), "ADDRESS", strings.Replace(w.URL, "http://", "https://", 1), 1)
	}},
	{name: "`http://` for a Vault with TLS", options: harness.ServerOptions{TLS: true}, text: func(w *world) string {
		return strings.Replace(web("")(w), "ADDRESS", strings.Replace(w.URL, "https://", "http://", 1), 1)
	}},
	{name: "Vault's CA is unknown", options: harness.ServerOptions{TLS: true}, text: web("")},
	{name: "Vault's certificate is for another name", options: harness.ServerOptions{TLS: true},
		before: func(w *world) { w.Write("vault-ca.crt", string(w.CA)) },
		text:   replaced(web(""), "address = \"ADDRESS\"", "address = \"ADDRESS\"\n ca_cert = \"DIR/vault-ca.crt\"\n tls_server_name = \"vault.other.test\"\n")},
	{name: "a proxy answers in Vault's place", text: web(""), before: answering("", 502, `<html><h1>502 Bad Gateway</h1></html>`)},
	{name: "another web server answers", text: web(""), before: answering("", 200, `<!DOCTYPE html><title>It works!</title>`)},
	{name: "Vault is sealed when a template's secret is polled", file: "password", then: later(seal), text: func(*world) string { return login + eager + password("") }},
	{name: "the CA file for Vault is damaged while certagent runs", options: harness.ServerOptions{TLS: true},
		before: func(w *world) { w.Write("vault-ca.crt", string(w.CA)) },
		text:   replaced(renewing(""), "address = \"ADDRESS\"", "address = \"ADDRESS\"\n ca_cert = \"DIR/vault-ca.crt\"\n"),
		then:   func(w *world, _ *process) { w.Write("vault-ca.crt", "damaged") }},
	{name: "this host's clock and Vault's differ", text: web(""), before: func(w *world) {
		w.Dev.Intercept(func(rw http.ResponseWriter, _ *http.Request) bool {
			rw.Header().Set("Date", time.Now().Add(2*time.Hour).UTC().Format(http.TimeFormat))
			return false
		})
	}},
	{name: "an answer of Vault is too large", text: web(""), before: func(w *world) {
		answering("/v1/pki/sign/", 200, `{"data":{"certificate":"`+strings.Repeat("x", 17<<20)+`"}}`)(w) // only here: certagent is this program
	}},
	{name: "Vault shortens the lifetime", text: replaced(web(""), "common_name", "ttl = \"240h\"\n common_name")},
}

var loginSituations = []situation{
	{name: "the secret id is wrong or used up", text: web(""), before: func(w *world) { w.Write("secretid", "11111111-2222-3333-4444-555555555555") }},
	{name: "the role id is wrong", text: web(""), before: func(w *world) { w.Write("roleid", "11111111-2222-3333-4444-555555555555") }},
	{name: "the secret id's file is missing", text: web(""), before: func(w *world) { w.Check(os.Remove(w.Path("secretid"))) }},
	{name: "the auth method is mounted elsewhere", text: replaced(web(""), `method "approle" {`, "method \"approle\" {\n mount_path = \"auth/none\"")},
	{name: "the token was revoked", text: renewing(""), then: func(w *world, _ *process) { w.Dev.RevokeToken(w.Read("token")) }},
	{name: "the token's directory is missing", text: replaced(web(""), "DIR/token", "DIR/none/token")},
	{name: "the token may not renew itself", text: web(""), before: func(w *world) {
		shortToken(w)
		answering("/v1/auth/token/renew-self", 403, `{"errors":["permission denied"]}`)(w)
	}},
	{name: "the token cannot be renewed in an outage", text: web(""), before: func(w *world) {
		shortToken(w)
		answering("/v1/auth/token/renew-self", 503, `{"errors":["Vault is sealed"]}`)(w)
	}},
	{name: "the token cannot be written", text: replaced(renewing(""), "DIR/token", "DIR/tokens/token"), before: func(w *world) { w.Write("tokens/x", "") },
		then: func(w *world, p *process) {
			p.Says(logmsg.TokenWritten)
			token := w.Read("tokens/token")
			w.Check(os.RemoveAll(w.Path("tokens")))
			w.Dev.RevokeToken(token)
		}},
}

// shortToken lets tokens live for some seconds.
func shortToken(w *world) {
	w.Helper()
	_, err := w.Client.Logical().Write("auth/approle/role/agent", map[string]any{"token_policies": "agent", "token_ttl": "4s"})
	w.Check(err)
}

var certificateSituations = []situation{
	{name: "the policy does not allow the certificate", text: web(""), before: func(w *world) {
		w.Check(seed.Policy(w.Context(), w.Client, "agent", `path "secret/*" { capabilities = ["read"] }`))
	}},
	{name: "there is no such role", text: func(*world) string { return login + webBlock("pki/nobody", `change_mode = "noop"`) }},
	{name: "the role does not allow the name", text: func(*world) string { return login + webBlock("pki/strict", `change_mode = "noop"`) }, before: func(w *world) {
		_, err := w.Client.Logical().Write("pki/roles/strict", map[string]any{"allowed_domains": "other.test", "allow_subdomains": true, "key_type": "ec"})
		w.Check(err)
	}},
	{name: "this host's clock is two hours slow", text: web(""), before: func(w *world) { w.Dev.SetAhead(2 * time.Hour) }},
	{name: "this host's clock is two hours fast", text: web(""), before: func(w *world) { w.Dev.SetAhead(-2 * time.Hour) }},
	{name: "the answer holds no certificate", text: web(""), before: answering("/v1/pki/sign/", 200, `{"request_id":"x","data":{"serial_number":"1"}}`)},
	{name: "a KV secret does not exist", file: "password", text: func(*world) string { return login + strings.Replace(password(""), "data/app", "data/none", 1) }},
	{name: "a key is missing in a KV secret", file: "password", text: func(*world) string { return login + strings.Replace(password(""), "data.password", "data.none", 1) }},
	{name: "a template misspells a function", file: "password", text: func(*world) string { return login + strings.Replace(password(""), "with secret", "with secrt", 1) }},
	{name: "a template's file is missing", file: "other", text: func(*world) string {
		return login + "template {\n source = \"DIR/none.tpl\"\n destination = \"DIR/other\"\n}\n"
	}},
	{name: "a certificate has expired before the start, in an outage", text: away(living("2s", "")), before: func(w *world) {
		publishedBefore(living("2s", ""))(w)
		harness.Eventually(w.T, "it has expired", func() bool { return time.Now().After(w.Leaf(certFile).NotAfter) })
	}},
	{name: "the keystore's password is missing", text: keystore},
	{name: "a keystore on disk asks for too much work", file: "web/tls.p12", text: func(w *world) string {
		return strings.Replace(keystore(w), `cert = "DIR/web/tls.crt", key = "DIR/web/tls.key", `, "", 1)
	}, before: func(w *world) {
		content, err := hex.DecodeString(manyRounds)
		w.Check(err)
		w.Write("web/tls.p12", string(content))
		w.Write("password", "changeit")
	}},
	{name: "`renew_before` is longer than the lifetime", text: web("change_mode = \"noop\"\n renew_before = \"2h\"")},
	{name: "the names change too often", text: web("change_mode = \"noop\"\n max_issues_per_hour = 1"), then: func(w *world, p *process) {
		w.Write("agent.hcl", strings.Replace(w.Read("agent.hcl"), "example.test", "www.example.test", 1))
		p.Signal(syscall.SIGHUP)
	}},
	{name: "the role wants an RSA key", text: func(*world) string { return login + webBlock("pki/rsa", `change_mode = "noop"`) }, before: func(w *world) {
		_, err := w.Client.Logical().Write("pki/roles/rsa", map[string]any{"allow_any_name": true, "key_type": "rsa", "key_bits": 2048, "ttl": "1h"})
		w.Check(err)
	}},
	{name: "a template's file is damaged while certagent runs", file: "other", before: func(w *world) { w.Write("other.tpl", "good") }, text: func(*world) string {
		return login + "template {\n source = \"DIR/other.tpl\"\n destination = \"DIR/other\"\n}\n"
	}, then: later(func(w *world) { w.Write("other.tpl", "{{ if") })},
}

// keystore is a bundle with a keystore.
func keystore(*world) string {
	return login + strings.Replace(webBlock("pki/web", `change_mode = "noop"`), `key = "DIR/web/tls.key" }`,
		"key = \"DIR/web/tls.key\", pkcs12 = \"DIR/web/tls.p12\" }\n password = { file = \"DIR/password\" }", 1)
}

// serveFirst serves the first certificate that is published, for ever, as a server does
// that nobody tells of another one. It returns the address.
func (w *world) serveFirst() string {
	w.Helper()
	var once sync.Once
	var pair tls.Certificate
	return serveTLS(w, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		once.Do(func() { pair, _ = tls.LoadX509KeyPair(w.Path(certFile), w.Path("web/tls.key")) }) // there is one before it is verified
		return &pair, nil
	}})
}

var fileSituations = []situation{
	{name: "the directory cannot be made", text: replaced(web(""), "DIR/web", "DIR/roleid")},
	{name: "the disk is full; no files yet", file: "tls/tls.crt", text: func(*world) string { return login + certificate(once, "") },
		before: func(w *world) { fill(w, w.mount()) }},
	{name: "the disk is full when a certificate is due", file: "tls/tls.crt", text: replaced(renewing(""), "DIR/web", "DIR/tls"),
		before: func(w *world) { w.mount() }, then: func(w *world, p *process) { fill(w, w.Path("tls")); p.Says(logmsg.PublishFailed) }},
	{name: "the file system is read-only", file: "tls/tls.crt", text: replaced(renewing(""), "DIR/web", "DIR/tls"),
		before: func(w *world) { w.mount() }, then: func(w *world, p *process) { mountReadOnly(w, w.Path("tls")); p.Says(logmsg.PublishFailed) }},
	{name: "a user does not exist", text: web("change_mode = \"noop\"\n user = \"nobody-of-that-name\"")},
	{name: "a destination is a directory", file: "none", text: func(*world) string { return login + strings.Replace(password(""), "DIR/password", "DIR", 1) }},
	{name: "a second agent for the same files", text: web(""), before: func(w *world) { w.start(web("")(w)).Says(logmsg.AllPublished) }},
	{name: "`perms` lets everybody read the key", text: func(*world) string { return login + certificate(once, `perms = "0644"`) }, file: "tls/tls.crt"},
	{name: "certagent's user may not write in the directory", text: web(""), under: powerless, before: func(w *world) { w.Check(os.Mkdir(w.Path("web"), 0o555)) }},
	{name: "certagent's user may not write in the directory any more", text: renewing(""), under: powerless, then: func(w *world, p *process) {
		w.give("web")
		p.Says(logmsg.PublishFailed)
	}},
	{name: "a destination is mounted by itself, as a file", text: web(""), before: func(w *world) {
		w.Write(certFile, "x")
		mountFile(w, w.Path(certFile))
	}},
	{name: "another user has replaced a parent directory by a link", text: replaced(web(""), "DIR/web", "DIR/home/tls"), file: "home/tls/tls.crt", before: func(w *world) {
		w.Check(os.Mkdir(w.Path("etc"), 0o755))
		w.Check(os.Mkdir(w.Path("home"), 0o755))
		w.Check(os.Symlink(w.Path("etc"), w.Path("home/tls")))
		w.give("home")
		w.give("home/tls")
	}},
	{name: "another user replaces a parent directory by a link", text: replaced(renewing(""), "DIR/web", "DIR/home/tls"), file: "home/old/tls.crt", before: func(w *world) {
		w.Check(os.Mkdir(w.Path("etc"), 0o755))
		w.Check(os.MkdirAll(w.Path("home/tls"), 0o755))
		w.give("home")
	}, then: func(w *world, p *process) {
		w.Check(os.Rename(w.Path("home/tls"), w.Path("home/old")))
		w.Check(os.Symlink(w.Path("etc"), w.Path("home/tls")))
		w.give("home/tls")
		p.Says(logmsg.PublishFailed)
	}},
	{name: "the record beside the files is damaged", text: web(""), before: func(w *world) {
		publishedBefore(web(""))(w)
		w.Write("web/.certagent-web.json", "damaged")
	}},
	{name: "the key on disk is readable by everybody", text: web(""), before: func(w *world) {
		publishedBefore(web(""))(w)
		w.Check(os.Chmod(w.Path("web/tls.key"), 0o644))
	}},
}

// signalling is a change by pid file.
const signalling = "change_mode = \"signal\"\n change_signal = \"SIGUSR1\"\n pid_file = \"DIR/server.pid\"\n"

func verifying(address string) string {
	return "change_mode = \"noop\"\n verify {\n address = \"" + address + "\"\n server_name = \"example.test\"\n timeout = \"1s\"\n}\n"
}

var consumerSituations = []situation{
	{name: "the check fails; no files before", text: web("change_mode = \"noop\"\n check { command = [\"sh\", \"-c\", \"echo unknown directive >&2; exit 1\"] }")},
	{name: "the check fails when a certificate is renewed", text: renewing("change_mode = \"noop\"\n check { command = [\"DIR/check\"] }"),
		before: func(w *world) { w.script("check", "exit 0") }, then: func(w *world, p *process) {
			w.script("check", "echo unknown directive >&2; exit 1")
			p.Says(logmsg.RolledBack)
		}},
	{name: "the command fails", text: web("change_mode = \"command\"\n command = [\"sh\", \"-c\", \"echo unknown directive >&2; exit 1\"]")},
	{name: "the command does not end", text: web("change_mode = \"command\"\n change_script {\n command = \"DIR/reload\"\n timeout = \"300ms\"\n}"), before: func(w *world) { w.script("reload", "sleep 4711") }},
	{name: "the command does not exist", text: web("change_mode = \"command\"\n command = [\"DIR/reload\"]")},
	{name: "the pid file does not exist", text: web(signalling)},
	{name: "the pid file names no process", text: web(signalling), before: func(w *world) { w.Write("server.pid", "4194000\n") }},
	{name: "the pid file is that of a process that has ended, and another one has its number", text: web(signalling), before: func(w *world) {
		w.Write("server.pid", strconv.Itoa(os.Getpid())+"\n")
		longAgo := time.Now().Add(-24 * time.Hour)
		w.Check(os.Chtimes(w.Path("server.pid"), longAgo, longAgo))
	}},
	{name: "the signal would end the server, which does not catch it", patience: "10s", text: web(signalling), before: func(w *world) {
		w.Write("server.pid", strconv.Itoa(w.server("sleep 4711; :").Process.Pid)+"\n")
	}},
	{name: "a value of an `env_template` is one that no environment can hold", text: func(w *world) string {
		return login + `env_template "PASSWORD" {
  contents = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
}
exec { command = ["sleep", "4711"] }`
	}, before: func(w *world) { w.PutKV("app", map[string]any{"password": "a\x00b"}) }},
	{name: "certagent's user may not signal the server", text: web(signalling), under: powerless, before: func(w *world) {
		server := w.server("exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c 'trap : USR1; touch ready; while :; do sleep 0.1; done'")
		w.Check(os.Chmod(w.Path(""), 0o777))
		harness.Eventually(w.T, "the server runs", func() bool { return w.exists("ready") })
		w.Write("server.pid", strconv.Itoa(server.Process.Pid)+"\n")
	}},
	{name: "the pid file belongs to a third user", text: web(signalling), before: func(w *world) {
		server := w.server("trap : USR1; touch ready; while :; do sleep 0.1; done")
		harness.Eventually(w.T, "the server runs", func() bool { return w.exists("ready") })
		w.Write("server.pid", strconv.Itoa(server.Process.Pid)+"\n")
		w.give("server.pid")
	}},
	{name: "the pid file holds no number", text: web(signalling), before: func(w *world) { w.Write("server.pid", "nginx\n") }},
	{name: "no server listens on the verify address", text: func(w *world) string { return web(verifying(nobodyAt(w)))(w) }},
	{name: "the verify address does not speak TLS", text: func(w *world) string {
		return web(verifying(strings.TrimPrefix(w.URL, "http://")))(w)
	}},
	{name: "the verify address has an unknown host", text: web(verifying("www.certagent.invalid:443"))},
	{name: "another certificate is served", text: func(w *world) string { return web(verifying(serveOther(w)))(w) }},
	{name: "the pid file is the wrong one, and the server serves the old certificate", text: func(w *world) string {
		return web(signalling + strings.Replace(verifying(serveOther(w)), "change_mode = \"noop\"\n", "", 1))(w)
	}},
	{name: "the server goes on serving the old certificate", text: func(w *world) string { return renewingText("60s", verifying(w.serveFirst())) }, then: func(*world, *process) {}},
	{name: "the client certificate for verify is missing", text: func(w *world) string {
		return web(strings.Replace(verifying(nobodyAt(w)), "timeout", "client_cert = \"DIR/none.crt\"\n client_key = \"DIR/none.key\"\n timeout", 1))(w)
	}},
}

var hostSituations = []situation{
	{name: "a key of the configuration is misspelt", text: replaced(web(""), "common_name", "comon_name")},
	{name: "`ca_cert` does not exist", text: replaced(web(""), "address = \"ADDRESS\"", "address = \"ADDRESS\"\n ca_cert = \"DIR/none.crt\"\n")},
	{name: "the directory of `pid_file` is missing", text: func(w *world) string { return "pid_file = \"DIR/none/pid\"\n" + web("")(w) }},
	{name: "SIGHUP with a broken configuration", text: web(""), then: func(w *world, p *process) {
		w.Write("agent.hcl", "bundle \"web\" {\n")
		p.Signal(syscall.SIGHUP)
	}},
	{name: "SIGHUP with another address of Vault", text: web(""), then: func(w *world, p *process) {
		w.Write("agent.hcl", strings.Replace(w.Read("agent.hcl"), w.URL, "http://127.0.0.1:1", 1))
		p.Signal(syscall.SIGHUP)
	}},
	{name: "the child does not exist", text: func(w *world) string { return web("")(w) + "exec {\n command = [\"certagent-no-such-command\"]\n}\n" }},
	{name: "the child exits", text: func(w *world) string { return web("")(w) + child("sleep 1; exit 9", "") }},
	{name: "the child exits again and again", text: func(w *world) string { return web("")(w) + child("exit 9", `restart = "always"`) }},
	{name: "the child goes into the background", text: func(w *world) string {
		return web("")(w) + child("setsid sleep 1000 >/dev/null 2>&1 </dev/null & sleep 0.3; exit 0", "")
	}},
	{name: "the child does not end when it is told to", text: func(w *world) string {
		return web("")(w) + child("trap '' TERM; touch trapped; while :; do sleep 0.1; done", `kill_timeout = "500ms"`)
	},
		then: func(w *world, p *process) {
			harness.Eventually(w.T, "the child ignores SIGTERM", func() bool { _, err := os.Stat(w.Path("trapped")); return err == nil })
			p.Signal(syscall.SIGTERM)
		}},
	{name: "the child is not executable", text: func(w *world) string { return web("")(w) + "exec {\n command = [\"DIR/server\"]\n}\n" }, before: func(w *world) { w.Write("server", "#!/bin/sh\n") }},
	{name: "nobody reads the log for a while", text: web(""), env: []string{"CERTAGENT_TEST_LOG_QUEUE=2000"},
		before: func(w *world) { harness.Program(w.T, "bash") },
		under:  []string{"bash", "-c", `exec "$0" "$@" 2> >(while IFS= read -r line; do while [ -e stalled ]; do sleep 0.05; done; echo "$line" >&2; done)`},
		then: func(w *world, p *process) {
			w.Write("stalled", "")
			pipe, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/2", p.PID()), os.O_WRONLY, 0)
			w.Check(err)
			defer pipe.Close()
			_, err = unix.FcntlInt(pipe.Fd(), unix.F_SETPIPE_SZ, 4096)
			w.Check(err)
			for range 300 {
				p.Signal(syscall.SIGUSR1)
				time.Sleep(2 * time.Millisecond) // equal signals that come too fast are one
			}
			w.Check(os.Remove(w.Path("stalled")))
		}},
	{name: "the limits of inotify are reached", text: web(""), before: func(w *world) {
		if out, err := exec.Command("unshare", "--user", "--map-root-user", "true").CombinedOutput(); err != nil {
			harness.Missing(w.T, "no user namespace: %v %s", err, out)
		}
	}, under: []string{"unshare", "--user", "--map-root-user", "sh", "-c", `echo 0 > /proc/sys/user/max_inotify_instances; exec "$0" "$@"`}},
	{name: "`WATCHDOG_USEC` is no number", env: []string{"WATCHDOG_USEC=often"}, text: web("")},
}

// longSituations are those that take more than ten seconds or so. They are last because
// of the parallel subtests the last ones begin first.
var longSituations = []situation{
	{name: "a certificate expires because the command fails", text: living("8s", "change_mode = \"command\"\n command = [\"DIR/reload\"]"),
		before: func(w *world) { w.script("reload", "exit 0") }, then: later(func(w *world) { w.script("reload", "echo unknown directive >&2; exit 1") })},
	{name: "a certificate expires, and the pid file names nobody", text: living("8s", signalling), then: func(*world, *process) {}},
	{name: "a certificate expires because the check refuses its successors", text: living("8s", "change_mode = \"noop\"\n check { command = [\"DIR/check\"] }"),
		before: func(w *world) { w.script("check", "exit 0") }, then: later(func(w *world) { w.script("check", "echo unknown directive >&2; exit 1") })},
	{name: "a certificate expires because the disk is full", text: replaced(living("8s", ""), "DIR/web", "DIR/tls"), file: "tls/tls.crt",
		before: func(w *world) { w.mount() }, then: later(func(w *world) { fill(w, w.Path("tls")) })},
	{name: "a certificate expires in an outage", text: living("20s", ""), then: later(seal)},
	{name: "rendering a template never ends", file: "other", text: func(*world) string {
		return login + "template {\n contents = \"{{ range loop 2000000000000 }}{{ end }}\"\n destination = \"DIR/other\"\n}\n"
	}},
	{name: "a certificate expires, and the server goes on serving it", text: func(w *world) string { return living("16s", verifying(w.serveFirst()))(w) }, then: func(*world, *process) {}},
	{name: "somebody removes a published file", text: web(""), then: func(w *world, p *process) {
		w.Check(os.Remove(w.Path(certFile)))
		p.SaysTimes(`INF `+logmsg.Published+" ", 2)
	}},
	{name: "somebody changes the mode of a published file", text: web(""), then: later(func(w *world) { w.Check(os.Chmod(w.Path(certFile), 0o666)) })},
}
