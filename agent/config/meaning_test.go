// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func textValue(s string) value   { return value{kind: text, text: s} }
func numberValue(i int64) value  { return value{kind: integer, integer: i} }
func floatValue(f float64) value { return value{kind: float, float: f} }

func objectOf(pairs ...any) value {
	o := &object{}
	for i := 0; i < len(pairs); i += 2 {
		o.items = append(o.items, item{name: pairs[i].(string), value: pairs[i+1].(value), assigned: true})
	}
	return value{kind: block, object: o}
}

// meanings are what literals mean, in both versions of HCL, to certagent: what
// they mean in the first.
var meanings = map[string]struct {
	source string
	want   value
}{
	"decimal":                     {`600`, numberValue(600)},
	"octal":                       {`0600`, numberValue(0o600)},
	"zero":                        {`0`, numberValue(0)},
	"negative":                    {`-1`, numberValue(-1)},
	"negative octal":              {`-010`, numberValue(-8)},
	"fraction":                    {`0.8`, floatValue(0.8)},
	"exponent":                    {`1e3`, floatValue(1000)},
	"true":                        {`true`, value{kind: boolean, truth: true}},
	"false":                       {`false`, value{kind: boolean}},
	"empty text":                  {`""`, textValue("")},
	"text":                        {`"a b"`, textValue("a b")},
	"dollar":                      {`"${HOME}"`, textValue("${HOME}")},
	"double dollar":               {`"$${HOME}"`, textValue("$${HOME}")},
	"quotes within dollar":        {`"${ "a" }"`, textValue(`${ "a" }`)},
	"backslash within dollar":     {`"${ \n }"`, textValue(`${ \n }`)},
	"line end within dollar":      {"\"${\n}\"", textValue("${\n}")},
	"percent":                     {`"%{x}"`, textValue("%{x}")},
	"escapes":                     {`"\n\t\"\\"`, textValue("\n\t\"\\")},
	"unicode escape":              {`"\u00e9"`, textValue("é")},
	"hexadecimal escape":          {`"\x41"`, textValue("A")},
	"octal escape":                {`"\101"`, textValue("A")},
	"template braces":             {`"{{ with secret \"a\" }}{{ end }}"`, textValue(`{{ with secret "a" }}{{ end }}`)},
	"comment signs in text":       {`"# // /* <<EOF"`, textValue("# // /* <<EOF")},
	"not normalised":              {"\"e\u0301\"", textValue("e\u0301")},
	"heredoc":                     {"<<EOF\n  a\n b\nEOF", textValue("  a\n b\n")},
	"heredoc, empty":              {"<<EOF\nEOF", textValue("")},
	"heredoc with dollar":         {"<<EOF\n${x} %{y}\nEOF", textValue("${x} %{y}\n")},
	"heredoc with quotes":         {"<<EOF\n\"\n{\nEOF", textValue("\"\n{\n")},
	"heredoc with backslash":      {"<<EOF\n\\n\nEOF", textValue("\\n\n")},
	"heredoc with marker in text": {"<<EOF\nEOF \nxEOF\nEOF", textValue("EOF \nxEOF\n")},
	"heredoc, indented marker":    {"<<EOF\na\n  EOF", textValue("a\n  ")},
	"indented heredoc":            {"<<-EOF\n    a\n      b\n    EOF", textValue("a\n  b\n")},
	"indented heredoc, less":      {"<<-EOF\n  a\n    EOF", textValue("  a\n")},
	"list":                        {`["a", 1]`, value{kind: list, list: []value{textValue("a"), numberValue(1)}}},
	"list, last comma":            {"[\"a\",\n]", value{kind: list, list: []value{textValue("a")}}},
	"list with a heredoc":         {"[<<EOF\na\nEOF\n, \"b\"]", value{kind: list, list: []value{textValue("a\n"), textValue("b")}}},
	"empty list":                  {`[]`, value{kind: list}},
	"object":                      {`{ a = 1, b = "x" }`, objectOf("a", numberValue(1), "b", textValue("x"))},
	"object on lines":             {"{\n a = 1\n b = \"x\"\n}", objectOf("a", numberValue(1), "b", textValue("x"))},
	"object with a quoted key":    {`{ "a" = 01 }`, objectOf("a", numberValue(1))},
	"empty object":                {`{}`, objectOf()},
}

func TestBothVersionsMeanTheSame(t *testing.T) {
	t.Parallel()
	for name, test := range meanings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := newSource("a.hcl", []byte("key = "+test.source+"\n"))
			for version, tree := range map[string]*object{"hcl/v2": throughHCL2(t, src), "hcl v1": throughHCL1(t, src)} {
				if len(tree.items) != 1 || tree.items[0].name != "key" || !tree.items[0].assigned {
					t.Fatalf("%s: read %+v", version, tree)
				}
				if diff := cmp.Diff(test.want, plain(tree.items[0].value), treeTypes); diff != "" {
					t.Errorf("%s (-want +got):\n%s", version, diff)
				}
			}
		})
	}
}

// Blocks, labels and places are the same, too.
func TestBothVersionsBuildTheSameTree(t *testing.T) {
	t.Parallel()
	src := newSource("a.hcl", []byte(`
# a comment
pid_file = "/run/x" // another
auto_auth {
  method "approle" {
    config = { a = "b" }
  }
  /* three
     lines */
  sink file {
    mode = 0640
  }
}
template { }
env_template "A" "B" {
  contents = <<EOF
{{ "a" }}
EOF
  perms = 0600
}
`))
	if diff := cmp.Diff(throughHCL1(t, src), throughHCL2(t, src), treeTypes, noLabels); diff != "" {
		t.Errorf("(-hcl v1 +hcl/v2):\n%s", diff)
	}
}

var treeTypes = cmp.AllowUnexported(value{}, object{}, item{})

// noLabels: to one reader the lack of labels is nil, to the other an empty slice.
var noLabels = cmp.FilterValues(func(a, b []string) bool { return len(a)+len(b) == 0 }, cmp.Ignore())

// What only one version reads is read all the same.
func TestEitherVersion(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"one-line block":         `template { a = "1" b = "2" }`,
		"one-line block, commas": `template { a = "1", b = "2" }`,
		"object without commas":  `template = { a = "1" b = "2" }`,
		"quoted key":             "template {\n a = \"1\"\n \"b\" = \"2\"\n}",
		"quoted block":           "\"template\" {\n a = \"1\"\n b = \"2\"\n}",
		"brace on the last line": "template {\n a = \"1\"\n b = \"2\" }",
		"two blocks on one line": `template { a = "1" b = "2" } x {}`,
		"expression":             "template {\n a = lower(\"1\")\n b = format(\"%s\", \"2\")\n}",
		"byte order mark":        "\ufefftemplate {\n a = \"1\"\n b = \"2\"\n}",
		"line ends of Windows":   "template {\r\n a = \"1\"\r\n b = \"2\"\r\n}\r\n",
		"no line end at the end": "template {\n a = \"1\"\n b = \"2\"\n}",
		"heredoc at the end":     "template = { b = \"2\" a = <<E\n1\nE\n}",
		"JSON":                   ` {"template": {"a": "1", "b": "2"}}`,
		"JSON, list":             `{"template": [{"a": "1", "b": "2"}]}`,
		"JSON, byte order mark":  "\ufeff" + `{"template": [{"a": "1", "b": "2"}]}`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree, ok := readTree(newSource("a.hcl", []byte(text)), nil, func(e syntaxError) {
				t.Errorf("offset %d: %s (%s)", e.offset, e.message, e.hint)
			})
			if !ok || len(tree.items) == 0 || tree.items[0].name != "template" {
				t.Fatalf("read %+v", tree)
			}
			objects, _ := tree.items[0].value.objects()
			got := map[string]string{}
			for _, it := range objects[0].object.items {
				got[it.name] = strings.TrimSpace(it.value.text)
			}
			if diff := cmp.Diff(map[string]string{"a": "1", "b": "2"}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func throughHCL2(t *testing.T, src *source) *object {
	t.Helper()
	m, err := mask(src.text)
	if err != nil {
		t.Fatalf("hcl/v2: %+v", *err)
	}
	r := hcl2Reader{src: src, masked: m, report: func(e syntaxError) { t.Errorf("hcl/v2: %+v", e) }}
	tree, errs := r.read()
	if len(errs) > 0 {
		t.Fatalf("hcl/v2: %+v", errs)
	}
	return tree
}

func throughHCL1(t *testing.T, src *source) *object {
	t.Helper()
	tree, err := readHCL1(src)
	if err != nil {
		t.Fatalf("hcl v1: %+v", *err)
	}
	return tree
}

// plain returns a value without places, and without numbers as they were written.
func plain(v value) value {
	v.offset = 0
	if v.kind != text {
		v.text = ""
	}
	var elements []value
	for _, element := range v.list {
		elements = append(elements, plain(element))
	}
	v.list = elements
	if v.object != nil {
		inner := &object{}
		for _, it := range v.object.items {
			inner.items = append(inner.items, item{name: it.name, value: plain(it.value), assigned: it.assigned})
		}
		v.object = inner
	}
	return v
}
