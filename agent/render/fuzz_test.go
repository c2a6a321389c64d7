// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"testing"
	"text/template"

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
