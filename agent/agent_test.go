// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

func TestThreeTemplatesShareOneCertificate(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + threeTemplates("", `command = ["sh", "-c", "echo changed >> DIR/changes"]`))
	r.Says(logmsg.AllPublished)
	r.Says(logmsg.ChangeDone)
	leaf := w.Pair("tls.crt", "tls.key")
	if err := leaf.CheckSignatureFrom(w.Leaf("ca.crt")); err != nil {
		t.Error(err)
	}
	if got := w.issued(); got != 1 {
		t.Errorf("%d certificates issued for three templates, want 1", got)
	}
	if err := r.end(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	if got := w.Read("changes"); got != "changed\n" {
		t.Errorf("the command ran %d times, want once", strings.Count(got, "\n"))
	}
	info, err := os.Stat(w.Path("tls.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v, want 0600", info.Mode())
	}
	if total := len(w.Dev.Requests()); total != 2 {
		t.Errorf("%d requests, want a login and an issue: %v", total, w.Dev.Requests())
	}
}

func TestRenewalPublishesAndReactsOnceEachTime(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		r := w.start(loginBlocks + threeTemplates(`"ttl=3s"`, `command = ["sh", "-c", "echo changed >> DIR/changes"]`))
		w.Eventually("four generations", func() bool { return r.Count("msg="+logmsg.Published) >= 4 })
		r.end()
		w.Pair("tls.crt", "tls.key")
		generations := r.Count("msg=" + logmsg.Published)
		if got := w.issued(); got < generations {
			t.Errorf("%d certificates for %d generations", got, generations)
		}
		if got := strings.Count(w.Read("changes"), "changed"); got > generations || got < generations-1 {
			t.Errorf("%d reactions to %d generations", got, generations)
		}
	})
}

func TestEqualContentIsNotTouched(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.PutKV("app", map[string]any{"password": "one"})
		text := loginBlocks + `
template_config { static_secret_render_interval = "1s" }
template {
  contents    = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
  destination = "DIR/password"
  command     = ["sh", "-c", "echo changed >> DIR/changes"]
}
`
		r := w.start(text)
		r.Says(logmsg.ChangeDone)
		before, err := os.Stat(w.Path("password"))
		if err != nil {
			t.Fatal(err)
		}
		asked := w.Asked("GET", "/v1/secret/data/app")
		w.Eventually("two more polls", func() bool { return w.Asked("GET", "/v1/secret/data/app") >= asked+2 })
		after, err := os.Stat(w.Path("password"))
		if err != nil || !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
			t.Errorf("the file was touched: %v", err)
		}
		w.PutKV("app", map[string]any{"password": "two"})
		w.Eventually("the new password", func() bool { return w.Read("password") == "two" })
		w.Eventually("the second reaction", func() bool { return strings.Count(w.Read("changes"), "changed") == 2 })
	})
}

func TestRestartIssuesNothing(t *testing.T) {
	w := newWorld(t)
	text := loginBlocks + threeTemplates("", "")
	r := w.start(text)
	r.Says(logmsg.AllPublished)
	r.end()
	serial := w.Leaf("tls.crt").SerialNumber
	r = w.start(text)
	r.Says(logmsg.FilesKept)
	w.Eventually("the second login", func() bool { return w.Asked("PUT", "/v1/auth/approle/login") == 2 })
	r.end()
	if got := w.issued(); got != 1 {
		t.Errorf("%d certificates over a restart, want 1", got)
	}
	if w.Leaf("tls.crt").SerialNumber.Cmp(serial) != 0 {
		t.Error("the certificate was replaced")
	}
}

func TestChangedRequestIssuesAnew(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + threeTemplates("", ""))
	r.Says(logmsg.AllPublished)
	r.end()
	r = w.start(loginBlocks + threeTemplates(`"alt_names=www.example.test"`, ""))
	w.Eventually("the new name", func() bool {
		leaf := w.Leaf("tls.crt")
		return leaf != nil && len(leaf.DNSNames) > 0 && strings.Contains(strings.Join(leaf.DNSNames, " "), "www.example.test")
	})
	r.Says(logmsg.AllPublished)
	r.end()
	w.Pair("tls.crt", "tls.key")
	if got := w.issued(); got != 2 {
		t.Errorf("%d certificates, want 2", got)
	}
}

func TestReloginIssuesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.put("auth/approle/role/agent", "token_policies=agent", "token_ttl=2s", "token_max_ttl=2s")
		r := w.start(loginBlocks + threeTemplates("", ""))
		r.Says(logmsg.AllPublished)
		w.Eventually("three logins", func() bool { return w.Asked("PUT", "/v1/auth/approle/login") >= 3 })
		r.end()
		if got := w.issued(); got != 1 {
			t.Errorf("%d certificates over three logins, want 1", got)
		}
	})
}

func TestOneBrokenTemplateHurtsOnlyItself(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.PutKV("app", map[string]any{"password": "one"})
		r := w.start(loginBlocks + threeTemplates(`"ttl=3s"`, "") + `
template {
  contents             = "{{ with secret \"secret/data/app\" }}{{ .Data.data.missing }}{{ end }}"
  destination          = "DIR/broken"
  error_on_missing_key = true
}
template {
  contents    = "{{ with secret \"secret/data/absent\" }}{{ .Data.data.x }}{{ end }}"
  destination = "DIR/absent"
}
`)
		w.Eventually("three rotations", func() bool { return r.Count("msg="+logmsg.Published) >= 3 })
		r.Says(logmsg.RenderFailed)
		if asked := w.Asked("GET", "/v1/secret/data/app"); asked != 1 {
			t.Errorf("a template that fails asked Vault %d times, want once", asked)
		}
		w.Eventually("the secret that was missing is there", func() bool {
			w.PutKV("absent", map[string]any{"x": "found"})
			return w.Read("absent") == "found"
		})
		if w.Read("broken") != "" {
			t.Error("the broken template was published")
		}
	})
}

func TestFailedChangeIsOwedAcrossARestart(t *testing.T) {
	w := newWorld(t)
	text := loginBlocks + threeTemplates("", `command = ["sh", "-c", "test -e DIR/repaired && echo changed >> DIR/changes"]`)
	r := w.start(text)
	r.Says(logmsg.ChangeFailed)
	r.end()
	serial := w.Leaf("tls.crt").SerialNumber

	r = w.start(text)
	r.Says(logmsg.ChangePending)
	r.Says(logmsg.ChangeFailed)
	w.Write("repaired", "")
	w.Eventually("the change", func() bool { return w.Read("changes") != "" })
	r.Says(logmsg.ChangeDone)
	r.end()
	if got := w.issued(); got != 1 {
		t.Errorf("a failing change led to %d certificates, want 1", got)
	}
	if w.Leaf("tls.crt").SerialNumber.Cmp(serial) != 0 {
		t.Error("the certificate was replaced")
	}
	if got := w.Read("changes"); got != "changed\n" {
		t.Errorf("changes: %q", got)
	}
	r = w.start(text)
	r.Says(logmsg.FilesKept)
	r.end()
	if r.Count(logmsg.ChangePending) != 0 {
		t.Error("the change is still owed after it succeeded")
	}
}

func TestSecretsFoundLateMergeBundles(t *testing.T) {
	w := newWorld(t)
	w.PutKV("index", map[string]any{"role": "web"})
	w.Write("late.tpl", `{{ with secret "secret/data/index" }}{{ with secret (printf "pki/issue/%s" .Data.data.role) "common_name=example.test" }}{{ .Data.private_key }}{{ end }}{{ end }}`)
	r := w.start(loginBlocks + `
template {
  contents    = "{{ with secret \"pki/issue/web\" \"common_name=example.test\" }}{{ .Data.certificate }}{{ end }}"
  destination = "DIR/tls.crt"
}
template {
  source      = "DIR/late.tpl"
  destination = "DIR/tls.key"
}
`)
	r.Says(logmsg.AllPublished)
	w.Eventually("a pair", func() bool { return w.Read("tls.crt") != "" && w.Read("tls.key") != "" })
	w.Pair("tls.crt", "tls.key")
	r.end()
	if got := w.issued(); got != 1 {
		t.Errorf("%d certificates, want 1", got)
	}
}

func TestChildStartsAfterItsFilesAndHandsOnItsCode(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + threeTemplates("", "") + `
exec { command = ["sh", "-c", "test -s DIR/tls.crt && test -s DIR/tls.key && exit 7"] }
`)
	var exit *agent.ChildExit
	if err := r.wait(); !errors.As(err, &exit) || exit.Code != 7 {
		t.Errorf("Run returned %v, want the child's exit code 7", err)
	}
}

func TestVaultDownAtStartWithValidFiles(t *testing.T) {
	w := newWorld(t)
	text := loginBlocks + threeTemplates("", "") + `
exec { command = ["sh", "-c", "echo started >> DIR/started; exec sleep 1000"] }
`
	r := w.start(text)
	w.Eventually("the child", func() bool { return w.Read("started") != "" })
	r.end()
	// A changed request makes what is on disk stale, but not invalid.
	w.Dev.Seal()
	r = w.start(strings.ReplaceAll(text, "common_name=example.test", "common_name=other.example.test"))
	w.Eventually("the child starts with the files on disk", func() bool { return strings.Count(w.Read("started"), "started") == 2 })
	w.Dev.Unseal()
	w.Eventually("the new certificate", func() bool { return w.Leaf("tls.crt").Subject.CommonName == "other.example.test" })
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

func TestDriftIsRepairedWithoutRewriting(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks+threeTemplates("", `perms = "0600"`), func(a *agent.Agent) { a.DiskInterval = 50 * time.Millisecond })
	r.Says(logmsg.AllPublished)
	before, _ := os.Stat(w.Path("tls.key"))
	if err := os.Chmod(w.Path("tls.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.Says(logmsg.FileRepaired)
	after, _ := os.Stat(w.Path("tls.key"))
	if after.Mode().Perm() != 0o600 || !os.SameFile(before, after) {
		t.Errorf("mode %v, same file %v", after.Mode(), os.SameFile(before, after))
	}
	if got := w.issued(); got != 1 {
		t.Errorf("%d certificates, want 1", got)
	}
	r.end()
}

func TestDeletedFileIsPublishedAgain(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks+threeTemplates("", `command = ["sh", "-c", "echo changed >> DIR/changes"]`), func(a *agent.Agent) { a.DiskInterval = 50 * time.Millisecond })
	r.Says(logmsg.ChangeDone)
	if err := os.Remove(w.Path("tls.crt")); err != nil {
		t.Fatal(err)
	}
	w.Eventually("the file is back", func() bool { return w.Leaf("tls.crt") != nil })
	w.Eventually("the reaction", func() bool { return strings.Count(w.Read("changes"), "changed") == 2 })
	w.Pair("tls.crt", "tls.key")
	if got := w.issued(); got != 1 {
		t.Errorf("%d certificates, want 1", got)
	}
}

func TestSecondAgentOnTheSameFilesIsRefused(t *testing.T) {
	w := newWorld(t)
	text := loginBlocks + threeTemplates("", "")
	first := w.start(text)
	first.Says(logmsg.AllPublished)
	second := w.start(text)
	var failure *agent.Failure
	if err := second.wait(); !errors.As(err, &failure) || failure.Code != agent.ExitPublish || !errors.Is(err, sinks.ErrClaimed) {
		t.Errorf("the second agent returned %v", err)
	}
	first.end()
	third := w.start(text)
	third.Says(logmsg.AllPublished)
}

func TestFirstPublishDoesNotRestartTheChild(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + threeTemplates(`"ttl=4s"`, `change_mode = "restart"`) + `
exec { command = ["sh", "-c", "echo started >> DIR/started; exec sleep 1000"] }
`)
	w.Eventually("the second generation's restart", func() bool { return r.Count("msg=\""+logmsg.ChangeDone+"\"") == 1 })
	w.Eventually("the child", func() bool { return strings.Count(w.Read("started"), "started") == 2 })
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if got := strings.Count(w.Read("started"), "started"); got != 2 {
		t.Errorf("the child was started %d times for two generations", got)
	}
}

func TestVariablesReachTheChildAndRestartIt(t *testing.T) {
	w := newWorld(t)
	w.PutKV("app", map[string]any{"password": "one"})
	r := w.start(loginBlocks + `
template_config { static_secret_render_interval = "1s" }
env_template "PASSWORD" {
  contents = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
}
exec { command = ["sh", "-c", "echo $PASSWORD >> DIR/started; exec sleep 1000"] }
`)
	w.Eventually("the child", func() bool { return w.Read("started") == "one\n" })
	w.PutKV("app", map[string]any{"password": "two"})
	w.Eventually("the restarted child", func() bool { return w.Read("started") == "one\ntwo\n" })
	if strings.Contains(r.String(), "two") {
		t.Error("the log shows the secret")
	}
}

func TestTouchedTemplateIssuesNothing(t *testing.T) {
	w := newWorld(t)
	w.Write("cert.tpl", `{{ with secret "pki/issue/web" "common_name=example.test" }}{{ .Data.certificate }}
{{ .Data.private_key }}{{ end }}`)
	text := loginBlocks + `
template {
  source      = "DIR/cert.tpl"
  destination = "DIR/tls.pem"
}
`
	r := w.start(text)
	r.Says(logmsg.AllPublished)
	r.end()
	r = w.start(text)
	r.Says(logmsg.FilesKept)
	now := time.Now().Add(time.Second)
	if err := os.Chtimes(w.Path("cert.tpl"), now, now); err != nil {
		t.Fatal(err)
	}
	w.Write("cert.tpl", `{{ with secret "pki/issue/web" "common_name=changed.test" }}{{ .Data.certificate }}
{{ .Data.private_key }}{{ end }}`)
	w.Eventually("the changed template", func() bool { return w.Leaf("tls.pem").Subject.CommonName == "changed.test" })
	if got := w.issued(); got != 2 {
		t.Errorf("%d certificates, want one for each text of the template", got)
	}
}

func TestBrokenTemplateSourceKeepsTheLastGoodOne(t *testing.T) {
	inBubble(t, func(_ *testing.T, w *world) {
		w.Write("cert.tpl", `{{ with secret "pki/issue/web" "common_name=example.test" "ttl=3s" }}{{ .Data.certificate }}
{{ .Data.private_key }}{{ end }}`)
		r := w.start(loginBlocks + `
template {
  source      = "DIR/cert.tpl"
  destination = "DIR/tls.pem"
}
`)
		r.Says(logmsg.AllPublished)
		w.Write("cert.tpl", `{{ with secret "pki/issue/web" `)
		r.Says(logmsg.TemplateNotReloaded)
		generations := r.Count("msg=" + logmsg.Published)
		w.Eventually("rotations go on", func() bool { return r.Count("msg="+logmsg.Published) >= generations+2 })
		w.Pair("tls.pem", "tls.pem")
	})
}

func TestWriteToFileIsPublishedWithItsBundle(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.Write("all.tpl", `{{ with secret "pki/issue/web" "common_name=example.test" "ttl=3s" }}{{ .Data.certificate }}
{{ .Data.private_key | writeToFile "DIR/tls.key" "" "" "0600" }}{{ .Data.issuing_ca | writeToFile "DIR/ca.crt" "" "" "0644" "newline" }}{{ end }}`)
		w.Write("all.tpl", strings.ReplaceAll(w.Read("all.tpl"), "DIR", w.Path("")))
		r := w.start(loginBlocks + `
template {
  source      = "DIR/all.tpl"
  destination = "DIR/tls.crt"
}
`)
		w.Eventually("three generations", func() bool { return r.Count("msg="+logmsg.Published) >= 3 })
		r.end()
		w.Pair("tls.crt", "tls.key")
		if !strings.HasSuffix(w.Read("ca.crt"), "-----END CERTIFICATE-----\n") {
			t.Errorf("ca.crt: %q", w.Read("ca.crt"))
		}
	})
}

func TestPkiCertAdoptsWhatItsDestinationHolds(t *testing.T) {
	w := newWorld(t)
	w.Write("cert.tpl", `{{ with pkiCert "pki/issue/web" "common_name=example.test" }}{{ .Cert }}{{ .CA }}{{ .Key }}{{ end }}`)
	text := loginBlocks + `
template {
  source      = "DIR/cert.tpl"
  destination = "DIR/tls.pem"
}
`
	r := w.start(text)
	r.Says(logmsg.AllPublished)
	r.end()
	// Without the record the file is all there is, as after Vault Agent.
	records, err := filepath.Glob(w.Path(".certagent-*.json"))
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	if err := os.Remove(records[0]); err != nil {
		t.Fatal(err)
	}
	r = w.start(text)
	r.Says(logmsg.AllPublished)
	r.end()
	if got := w.issued(); got != 1 {
		t.Errorf("%d certificates, want 1", got)
	}
	w.Write("other.tpl", strings.ReplaceAll(w.Read("cert.tpl"), "common_name=example.test", "common_name=other.test"))
	r = w.start(strings.ReplaceAll(text, "DIR/cert.tpl", "DIR/other.tpl"))
	w.Eventually("another name is another certificate", func() bool { return w.Leaf("tls.pem").Subject.CommonName == "other.test" })
	r.end()
	if got := w.issued(); got != 2 {
		t.Errorf("%d certificates, want 2", got)
	}
}

func TestExitAfterAuthWaitsForEverything(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + threeTemplates("", `command = ["sh", "-c", "echo changed >> DIR/changes"]`) + "exit_after_auth = true\n")
	if err := r.wait(); err != nil {
		t.Error(err)
	}
	w.Pair("tls.crt", "tls.key")
	if got := w.Read("changes"); got != "changed\n" {
		t.Errorf("changes: %q", got)
	}
}

func TestExitOnRetryFailureGivesUp(t *testing.T) {
	for _, test := range []struct {
		name, blocks string
		code         int
	}{
		{"a secret that is not there", `
template {
  contents    = "{{ with secret \"secret/data/absent\" }}{{ .Data.data.x }}{{ end }}"
  destination = "DIR/absent"
}`, agent.ExitSecrets},
		{"a destination that cannot be written", `
template {
  contents         = "x"
  destination      = "DIR/absent/file"
  create_dest_dirs = false
}`, agent.ExitPublish},
		{"a command that fails", `
template {
  contents    = "x"
  destination = "DIR/file"
  command     = ["false"]
}`, agent.ExitChange},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			r := w.start(loginBlocks + test.blocks + `
vault { retry { num_retries = 2 } }
template_config { exit_on_retry_failure = true }
`)
			err := r.wait()
			var failure *agent.Failure
			if !errors.As(err, &failure) || failure.Code != test.code {
				t.Errorf("got %v, want exit code %d", err, test.code)
			}
		})
	}
}
