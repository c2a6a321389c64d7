// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/settings"
)

// problems parses a template that must be refused.
func problems(t *testing.T, in Input) Errors {
	t.Helper()
	_, err := Parse(in)
	var errs Errors
	if !errors.As(err, &errs) {
		t.Fatalf("Parse(%q) = %v, want Errors", in.Contents, err)
	}
	return errs
}

func TestSyntaxErrors(t *testing.T) {
	for _, c := range []struct {
		contents string
		want     Error
	}{
		{"a\n{{ if }}{{ end }}\nb", Error{Line: 2, Text: "{{ if }}{{ end }}", Message: "missing value for if"}},
		{"a\r\n\r\n{{ if true }}\r\nb", Error{Line: 4, Text: "b", Message: "unexpected EOF", Hint: "a {{ with }}, {{ if }}, {{ range }}, {{ define }} or {{ block }} has no {{ end }}"}},
		{"{{ \"a }}", Error{Line: 1, Text: "{{ \"a }}", Message: "unterminated quoted string"}},
		{"{{ $x }}", Error{Line: 1, Text: "{{ $x }}", Message: `undefined variable "$x"`}},
		{"{{ end }}", Error{Line: 1, Text: "{{ end }}", Message: "unexpected {{end}}"}},
		{"\n{{ break }}", Error{Line: 2, Text: "{{ break }}", Message: "{{break}} outside {{range}}"}},
		{"{{/* a", Error{Line: 1, Text: "{{/* a", Message: "unclosed comment"}},
		{"{{ define \"a: b\" }}{{ if }}", Error{Line: 1, Text: "{{ define \"a: b\" }}{{ if }}", Message: "missing value for if"}},
		{"{{ (secrt \"x\").Data }}", Error{Line: 1, Column: 5, Text: "{{ (secrt \"x\").Data }}", Message: `unknown function "secrt"`, Hint: `did you mean "secret"?`}},
		{"é\n  {{ quite_unlike_anything }}", Error{Line: 2, Column: 6, Text: "  {{ quite_unlike_anything }}", Message: `unknown function "quite_unlike_anything"`}},
	} {
		c.want.Template = "/etc/app.tpl"
		errs := problems(t, Input{TemplateText: settings.TemplateText{Source: "/etc/app.tpl", Contents: c.contents}, Name: "app"})
		if diff := cmp.Diff(Errors{&c.want}, errs); diff != "" {
			t.Errorf("%q\n%s", c.contents, diff)
		}
	}
}

func TestAllUnknownFunctionsAreTold(t *testing.T) {
	contents := "{{ with secret (foo1) }}{{ else }}{{ range print bar1 | baz1 }}\n{{ end }}{{ end }}{{ define \"T\" }}{{ qux1 }}{{ end }}"
	want := "app:1:17: unknown function \"foo1\"\napp:1:50: unknown function \"bar1\"\napp:1:57: unknown function \"baz1\"\napp:2:38: unknown function \"qux1\""
	if got := problems(t, Input{TemplateText: settings.TemplateText{Contents: contents}, Name: "app"}).Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestConsulAndNomadAreRefused(t *testing.T) {
	for name, system := range refused {
		for _, contents := range []string{"{{ %s }}", "{{ if false }}{{ range %s \"x\" }}{{ end }}{{ end }}", "{{ \"x\" | %s | toJSON }}", "{{ print (%s) }}", "{{ define \"T\" }}{{ %s }}{{ end }}"} {
			errs := problems(t, text(fmt.Sprintf(contents, name)))
			want := fmt.Sprintf("function %q asks %s, which certagent does not talk to", name, system)
			if len(errs) != 1 || errs[0].Message != want {
				t.Errorf("%s: %v", name, errs)
			}
		}
	}
}

func TestErrorUnwraps(t *testing.T) {
	var err *Error
	if !errors.As(problems(t, text("{{ foo1 }}")), &err) || err.Line != 1 {
		t.Errorf("got %v", err)
	}
}

func TestExecutionErrors(t *testing.T) {
	for contents, want := range map[string]string{
		"a\n  {{ index \"x\" \"y\" }}":                                     `test:2:6: executing <index "x" "y">: error calling index: cannot index slice/array with type string`,
		"\n{{ \"x\" | parseInt }}":                                         `test:2:10: executing <parseInt>: error calling parseInt: parseInt: strconv.ParseInt: parsing "x": invalid syntax`,
		"{{ mustEnv \"RENDER_UNSET\" }}":                                   `test:1:4: executing <mustEnv "RENDER_UNSET">: error calling mustEnv: required environment variable RENDER_UNSET is empty`,
		"{{ template \"x\" }}":                                             `test:1:13: executing <{{template "x"}}>: template "x" not defined`,
		"{{ secret \"a\" \"b\" }}":                                         `test:1:4: executing <secret "a" "b">: error calling secret: not a name=value pair: "b"`,
		"{{ secret \"\" }}":                                                `test:1:4: executing <secret "">: error calling secret: not a path in Vault: ""`,
		"{{ range loop \"x\" }}{{ end }}":                                  `test:1:10: executing <loop "x">: error calling loop: strconv.ParseInt: parsing "x": invalid syntax`,
		"{{ range loop 1 2 3 }}{{ end }}":                                  `test:1:10: executing <loop 1 2 3>: error calling loop: wrong number of arguments, expected 1 or 2, but got 3`,
		"{{ define \"T\" }}\n{{ index 1 2 }}{{ end }}{{ template \"T\" }}": `test:2:4: executing <index 1 2>: error calling index: can't index item of type int`,
	} {
		_, err := parsed(t, text(contents)).Execute(t.Context(), &world{})
		if err == nil || err.Error() != want {
			t.Errorf("%q\ngot  %v\nwant %s", contents, err, want)
		}
	}
}
