// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certagent/certagent/agent/config"
)

func TestExpressions(t *testing.T) {
	t.Parallel()
	content := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(content, []byte(" hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ expression, want string }{
		"env":                 {`env("ROLE")`, "web"},
		"env, empty":          {`env("EMPTY", "default")`, ""},
		"env, default":        {`env("NONE", "default")`, "default"},
		"env, default by env": {`env("NONE", env("ROLE"))`, "web"},
		"file":                {`trimspace(file("` + content + `"))`, "hello"},
		"lower":               {`lower("ABC")`, "abc"},
		"upper":               {`upper("abc")`, "ABC"},
		"trimprefix":          {`trimprefix("abc", "a")`, "bc"},
		"trimsuffix":          {`trimsuffix("abc", "c")`, "ab"},
		"format":              {`format("%s-%03d", env("ROLE"), 7)`, "web-007"},
		"join":                {`join(",", ["a", "b"])`, "a,b"},
		"split and join":      {`join("+", split(",", "a,b"))`, "a+b"},
		"concat":              {`join(",", concat(["a"], ["b"]))`, "a,b"},
		"coalesce":            {`coalesce(null, "b")`, "b"},
		"choice":              {`env("ROLE") == "web" ? "yes" : "no"`, "yes"},
		"index":               {`split(",", "a,b")[1]`, "b"},
		"parentheses":         {`("a")`, "a"},
		"literal text stays":  {`upper("${x} %{y}")`, "${X} %{Y}"},
		"escapes stay":        {`upper("\x41\101")`, "AA"},
		"heredoc":             {"trimspace(<<EOF\n a\nEOF\n)", "a"},
		"octal":               {`format("%d", 0600)`, "384"},
		"computed number":     {`1 + 1`, "2"},
		"negative":            {`tostring(-010)`, "-8"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, login+aTemplate+"pid_file = "+test.expression+"\n",
				config.Overrides{LookupEnv: env{"ROLE": "web", "EMPTY": ""}.lookup})
			if c.PIDFile != test.want {
				t.Errorf("got %q, want %q", c.PIDFile, test.want)
			}
		})
	}
}

// An expression may be the value of any type of key.
func TestExpressionTypes(t *testing.T) {
	t.Parallel()
	c := load(t, `
exit_after_auth = tobool(env("ONCE"))
auto_auth {
  method "kubernetes" {
    config = { role = env("ROLE") }
  }
}
template {
  contents    = "x"
  destination = format("/run/%s", env("ROLE"))
  perms       = env("ROLE") == "web" ? 0640 : 0600
  command     = concat(["reload"], split(" ", "a b"))
}
vault {
  retry {
    num_retries = tonumber("3")
  }
}
`, config.Overrides{LookupEnv: env{"ROLE": "web", "ONCE": "true"}.lookup})
	t1 := c.Templates[0]
	got := []any{c.ExitAfterAuth, c.AutoAuth.Method.Kubernetes.Role, t1.Destination, int(t1.Perms),
		strings.Join(t1.Change.Command, " "), c.Vault.NumRetries}
	want := []any{true, "web", "/run/web", 0o640, "reload a b", 3}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
}

// No message shows the result of an expression, which may be a secret.
func TestExpressionValuesAreNotShown(t *testing.T) {
	t.Parallel()
	const canary = "hvs.CANARY"
	for _, line := range []string{
		`change_mode = env("TOKEN")`, `perms = env("TOKEN")`, `command_timeout = env("TOKEN")`, `backup = env("TOKEN")`,
		`command = format("a,%s", env("TOKEN"))`, `wait = env("TOKEN")`, `change_signal = env("TOKEN")`,
		`function_denylist = [[env("TOKEN")]]`, `perms = tonumber(env("TOKEN"))`, `user = { a = env("TOKEN") }`,
		`backup = tobool(upper(env("TOKEN")))`, `perms = env("TOKEN") + 1`, `user = env("TOKEN").x`, `perms = format("%d", env("TOKEN"))`,
		`user = env(env("TOKEN"))`, `user = file(env("TOKEN"))`,
	} {
		dir := write(t, map[string]string{"a.hcl": login + "template {\n contents = \"x\"\n destination = \"/x\"\n" + line + "\n}\n"})
		_, problems := config.Load([]string{dir}, config.Overrides{LookupEnv: env{"TOKEN": canary}.lookup})
		if len(problems) == 0 {
			t.Errorf("%s: no problem", line)
		}
		if strings.Contains(problems.Error(), "CANARY") {
			t.Errorf("%s: shows the value:\n%s", line, problems.Error())
		}
	}
}

// Nested calls that multiply their arguments fail before they exhaust the
// memory.
func TestExpressionsAreBounded(t *testing.T) {
	t.Parallel()
	grow := `"aaaaaaaaaa"`
	for range 20 {
		grow = `join(` + grow + `, ["a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a"])`
	}
	tests := map[string]string{
		"join":      grow,
		"format":    `format("%999999999s", "x")`,
		"device":    `file("/dev/zero")`,
		"loop":      `[for a in [1, 2] : [for b in [1, 2] : b]]`,
		"splat":     `["a"][*]`,
		"nesting":   strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200),
		"operators": "1" + strings.Repeat(" + 1", 20_000),
		"negations": strings.Repeat("-", 20_000) + "1",
	}
	for name, expression := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if errs := errorsOf(t, login+aTemplate+"pid_file = "+expression+"\n"); len(errs) != 1 {
				t.Errorf("%d errors, want one: %v", len(errs), errs)
			}
		})
	}
}
