// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/logmsg"
)

const passwordTemplate = `
template {
  contents    = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
  destination = "DIR/password"
  %
}
`

func exitCode(err error) int {
	var failed *agent.Failure
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failed):
		return failed.Code
	}
	return -1
}

// A one-shot run ends although a command fails: the change is left pending, and the
// next run of the agent runs it. Only fail_on_error makes it an error.
func TestOneShotLeavesAChangeThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		reaction string
		code     int
	}{
		"exec block":    {`exec { command = ["test", "-e", "DIR/sound"] }`, 0},
		"change_mode":   {"change_mode = \"command\"\n  command = [\"test\", \"-e\", \"DIR/sound\"]", 0},
		"fail_on_error": {"change_mode = \"script\"\n  change_script {\n command = \"/usr/bin/test\"\n args = [\"-e\", \"DIR/sound\"]\n fail_on_error = true\n }", agent.ExitChange},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.PutKV("app", map[string]any{"password": "one"})
			text := loginBlocks + strings.Replace(passwordTemplate, "%", c.reaction, 1)
			r := w.start(text + "exit_after_auth = true")
			if got := exitCode(r.wait()); got != c.code {
				t.Errorf("it ends with %d, want %d", got, c.code)
			}
			if w.Read("password") != "one" || r.Count(`level=ERROR msg="`+logmsg.ChangeFailed) != 1 {
				t.Error("the file is not there, or the failure was not logged once")
			}
			if c.code != 0 {
				return
			}
			if r.Count(logmsg.ChangeLeft) != 1 {
				t.Error("it is not said that the change is left")
			}
			w.Write("sound", "")
			r = w.start(text)
			r.Says(logmsg.ChangePending)
			r.Says(logmsg.ChangeDone)
			r.end()
		})
	}
}

// A set that does not belong together ends a one-shot run with an error, at once.
func TestOneShotEndsWithARefusedSet(t *testing.T) {
	w := newWorld(t)
	first := w.put("pki/issue/web", "common_name=a.test")
	other := w.put("pki/issue/web", "common_name=b.test")
	w.PutKV("pair", map[string]any{"cert": first.Data["certificate"], "key": other.Data["private_key"]})
	r := w.start(loginBlocks + `
template {
  contents    = "{{ with secret \"secret/data/pair\" }}{{ .Data.data.cert }}\n{{ .Data.data.key }}\n{{ end }}"
  destination = "DIR/tls/pair.pem"
}
exit_after_auth = true`)
	if got := exitCode(r.wait()); got != agent.ExitSecrets {
		t.Errorf("it ends with %d, want %d", got, agent.ExitSecrets)
	}
	if _, err := os.Stat(w.Path("tls/pair.pem")); err == nil {
		t.Error("it was published")
	}
}

// With exit_on_retry_failure, what cannot heal ends the agent as fast as Vault Agent; what
// depends on something outside is tried again.
func TestExitOnRetryFailureOnWhatCannotHeal(t *testing.T) {
	for name, c := range map[string]struct {
		reaction, contents string
		code               int
	}{
		"a failed command":         {`exec { command = ["false"] }`, "", agent.ExitChange},
		"an error in the template": {"", `{{ with secret \"secret/data/app\" }}{{ .Data.data.password | parseInt }}{{ end }}`, agent.ExitSecrets},
		"a missing key":            {"error_on_missing_key = true", `{{ with secret \"secret/data/app\" }}{{ .Data.data.absent }}{{ end }}`, agent.ExitSecrets},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.PutKV("app", map[string]any{"password": "one"})
			text := loginBlocks + strings.Replace(passwordTemplate, "%", c.reaction, 1) + "template_config { exit_on_retry_failure = true }"
			if c.contents != "" {
				text = strings.Replace(text, `{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}`, c.contents, 1)
			}
			begun := time.Now()
			if got := exitCode(w.start(text).wait()); got != c.code {
				t.Errorf("it ends with %d, want %d", got, c.code)
			}
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("after %s", took)
			}
		})
	}
	t.Run("a file that comes later", func(t *testing.T) {
		w := newWorld(t)
		r := w.start(loginBlocks + `
template {
  contents    = "{{ file \"DIR/later\" }}"
  destination = "DIR/copy"
}
template_config { exit_on_retry_failure = true }`)
		r.Says(logmsg.RenderFailed)
		w.Write("later", "here")
		w.Eventually("the copy", func() bool { return w.Read("copy") == "here" })
		r.end()
	})
}

// Valid files on disk are those that an earlier run published, or certificates that pass
// inspection. A placeholder is none: nobody is told that anything is ready, no child
// starts, and Vault is not blamed.
func TestAPlaceholderIsNotValid(t *testing.T) {
	w := newWorld(t)
	w.Dev.Seal()
	w.Write("password", "placeholder")
	r := w.start(loginBlocks + strings.Replace(passwordTemplate, "%", "", 1) + `
exec { command = ["sh", "-c", "echo started > DIR/child; sleep 60"] }`)
	r.Says(logmsg.LoginFailed)
	until := time.Now().Add(12 * time.Second) // longer than files on disk wait for Vault
	w.Eventually("twelve seconds", func() bool { return time.Now().After(until) })
	if r.Count(logmsg.AllPublished) > 0 || w.Read("child") != "" || r.Count("continuing with the valid files") > 0 {
		t.Error("a placeholder counts as valid")
	}
	w.Dev.Unseal()
	w.PutKV("app", map[string]any{"password": "one"})
	r.Says(logmsg.AllPublished)
	r.end()

	w.Dev.Seal()
	r = w.start(loginBlocks + strings.Replace(passwordTemplate, "%", "", 1))
	r.Says(`level=WARN msg="` + logmsg.NotLoggedIn + `" bundle=.* because=".*sealed`)
	r.Says(logmsg.AllPublished)
	r.end()
	if r.Count(logmsg.VaultSilent) > 0 {
		t.Error("Vault is said not to have answered")
	}
}

// TestOneShotRunSeesAChildThatCannotStart: a run with nothing else to do, whose files are
// valid already, is not done before its child is started.
func TestOneShotRunSeesAChildThatCannotStart(t *testing.T) {
	w := newWorld(t)
	text := loginBlocks + webBundle("", `change_mode = "noop"`) + `
exec { command = ["DIR/absent"] }`
	first := w.start(loginBlocks + webBundle("", `change_mode = "noop"`))
	first.Says(logmsg.AllPublished)
	first.end()
	for range 10 {
		var exit *agent.ChildExit
		if err := w.start(text + "\nexit_after_auth = true").wait(); !errors.As(err, &exit) || exit.Code != 127 {
			t.Fatalf("it ends with %v, want code 127", err)
		}
	}
}
