// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

func TestSysusersMakeTheUser(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root+"/etc/sysusers.d/certagent.conf", harness.ReadFile(t, "systemd/certagent.sysusers"))
	out, err := exec.Command(harness.Program(t, "systemd-sysusers"), "--root="+root).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	fields := strings.Split(line(harness.ReadFile(t, root+"/etc/passwd"), "certagent:"), ":")
	if len(fields) != 7 || fields[5] != "/var/lib/certagent" || !strings.HasSuffix(fields[6], "nologin") {
		t.Errorf("the user is %q", fields)
	}
}

// line returns the line of a text that begins so.
func line(text, beginning string) string {
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, beginning) {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

// polkitd is as much of polkit's JavaScript as the rule sees. It prints what
// the rule says to a question.
const polkitd = `
const rules = [];
const polkit = { addRule: (rule) => rules.push(rule), Result: { YES: "yes" } };
eval(require("fs").readFileSync(process.argv[1], "utf8"));
const { id, user, details } = JSON.parse(process.argv[2]);
const answer = rules[0]({ id, lookup: (key) => details[key] }, { user });
console.log(rules.length + " " + answer);
`

func TestPolkitRule(t *testing.T) {
	t.Parallel()
	node := harness.Program(t, "node")
	type question struct {
		ID      string            `json:"id"`
		User    string            `json:"user"`
		Details map[string]string `json:"details"`
	}
	const manage = "org.freedesktop.systemd1.manage-units"
	for _, c := range []struct {
		name string
		question
		want string
	}{
		{"reload", question{manage, "certagent", map[string]string{"unit": "nginx.service", "verb": "reload"}}, "yes"},
		{"try-reload-or-restart", question{manage, "certagent", map[string]string{"unit": "nginx.service", "verb": "reload-or-try-restart"}}, "yes"},
		{"stop", question{manage, "certagent", map[string]string{"unit": "nginx.service", "verb": "stop"}}, "undefined"},
		{"start", question{manage, "certagent", map[string]string{"unit": "nginx.service", "verb": "start"}}, "undefined"},
		{"another service", question{manage, "certagent", map[string]string{"unit": "sshd.service", "verb": "reload"}}, "undefined"},
		{"another user", question{manage, "nobody", map[string]string{"unit": "nginx.service", "verb": "reload"}}, "undefined"},
		{"another action", question{"org.freedesktop.systemd1.manage-unit-files", "certagent", map[string]string{"unit": "nginx.service", "verb": "reload"}}, "undefined"},
		{"no details", question{manage, "certagent", map[string]string{}}, "undefined"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text, err := json.Marshal(c.question)
			if err != nil {
				t.Fatal(err)
			}
			got, err := output(exec.Command(node, "-e", polkitd, "systemd/50-certagent-reload.rules", string(text)))
			if err != nil || got != "1 "+c.want+"\n" {
				t.Errorf("polkit says %q, want %s: %v", got, c.want, err)
			}
		})
	}
}
