// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/certagent/certagent/settings"
)

// FuzzParse compares Parse with the parser that knows the functions: whatever one
// takes, the other takes, but for functions that Parse refuses by name.
func FuzzParse(f *testing.F) {
	for _, c := range table {
		f.Add(c.template, "", "")
	}
	f.Add("<< secret \"a\" | toJSON >>", "<<", ">>")
	f.Add("{{ define \"T\" }}{{ template \"T\" }}{{ end }}{{ template \"T\" }}", "", "")
	f.Add("{{ (secret \"a\").Data.x.y }}{{ if and (secret `b`) 1 }}{{ else with pkiCert \"c\" \"d=e\" }}{{ end }}", "", "")
	every := template.FuncMap{}
	for _, group := range []set{own, library, refused, sprigNames()} {
		for name := range group {
			every[name] = func(...any) string { return "" }
		}
	}
	f.Fuzz(func(t *testing.T, contents, left, right string) {
		tmpl, err := Parse(Input{TemplateText: settings.TemplateText{Contents: contents, LeftDelim: left, RightDelim: right}, Name: "fuzz"})
		_, theirs := template.New("").Delims(left, right).Funcs(every).Parse(contents)
		if err == nil && theirs != nil {
			t.Errorf("taken, but text/template says %v", theirs)
		}
		if err != nil {
			errs := err.(Errors)
			asks := len(errs) > 0 && errs[0].Column > 0 // for a function's name, not for the syntax
			if theirs == nil && !asks {
				t.Errorf("refused, but text/template takes it: %v", err)
			}
			return
		}
		if len(tmpl.Requests()) > len(tmpl.facts.calls) {
			t.Errorf("%d requests of %d calls", len(tmpl.Requests()), len(tmpl.facts.calls))
		}
		if names, known := tmpl.Environment(); len(names) > 0 && known && len(tmpl.facts.calls) == 0 {
			t.Errorf("variables %q without a call", names)
		}
	})
}

// FuzzExecute executes what Parse takes: an execution ends, and with an error or an
// output.
func FuzzExecute(f *testing.F) {
	for _, c := range table {
		f.Add(c.template)
	}
	for _, c := range endless {
		if len(c.template) < 1000 {
			f.Add(c.template)
		}
	}
	f.Fuzz(func(t *testing.T, contents string) {
		for _, name := range []string{"sprig_gen", "crypt", "htpasswd", "derivePassword", "sockaddr", "uniq"} {
			if strings.Contains(contents, name) {
				return // slow
			}
		}
		tmpl, err := Parse(text(contents))
		if err != nil {
			return
		}
		tmpl.limits = limits{time: 200 * time.Millisecond, patience: 20 * time.Second, size: 1 << 16, memory: 256 << 20}
		result, err := tmpl.Execute(t.Context(), kv(map[string]any{"a": "b", "list": []any{"c", 1.5, nil}, "map": map[string]any{"d": true}}))
		if len(result.Output) > 1<<16 {
			t.Errorf("an output of %d bytes", len(result.Output))
		}
		if tmpl.left.Load() != nil {
			t.Errorf("does not end: %v", err)
		}
		if err != nil && strings.Contains(err.Error(), "unexpected failure") {
			t.Error(err)
		}
	})
}
