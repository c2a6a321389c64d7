// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package hclread

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func textValue(s string) Value   { return Value{Kind: String, Text: s} }
func numberValue(i int64) Value  { return Value{Kind: Integer, Int: i} }
func floatValue(f float64) Value { return Value{Kind: Float, Float: f} }

func objectOf(pairs ...any) Value {
	o := &Object{}
	for i := 0; i < len(pairs); i += 2 {
		o.Items = append(o.Items, Item{Name: pairs[i].(string), Value: pairs[i+1].(Value), Assigned: true})
	}
	return Value{Kind: Block, Object: o}
}

// meanings are the values of literals in both versions of HCL: those of the
// first.
var meanings = map[string]struct {
	source string
	want   Value
}{
	"decimal":                     {`600`, numberValue(600)},
	"octal":                       {`0600`, numberValue(0o600)},
	"zero":                        {`0`, numberValue(0)},
	"negative":                    {`-1`, numberValue(-1)},
	"negative octal":              {`-010`, numberValue(-8)},
	"fraction":                    {`0.8`, floatValue(0.8)},
	"exponent":                    {`1e3`, floatValue(1000)},
	"true":                        {`true`, Value{Kind: Bool, Bool: true}},
	"false":                       {`false`, Value{Kind: Bool}},
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
	"list":                        {`["a", 1]`, Value{Kind: List, List: []Value{textValue("a"), numberValue(1)}}},
	"list, last comma":            {"[\"a\",\n]", Value{Kind: List, List: []Value{textValue("a")}}},
	"list with a heredoc":         {"[<<EOF\na\nEOF\n, \"b\"]", Value{Kind: List, List: []Value{textValue("a\n"), textValue("b")}}},
	"empty list":                  {`[]`, Value{Kind: List}},
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
			src := NewSource("a.hcl", []byte("key = "+test.source+"\n"))
			for version, tree := range map[string]*Object{"hcl/v2": throughHCL2(t, src), "hcl v1": throughHCL1(t, src)} {
				if len(tree.Items) != 1 || tree.Items[0].Name != "key" || !tree.Items[0].Assigned {
					t.Fatalf("%s: read %+v", version, tree)
				}
				if diff := cmp.Diff(test.want, plain(tree.Items[0].Value), treeTypes); diff != "" {
					t.Errorf("%s (-want +got):\n%s", version, diff)
				}
			}
		})
	}
}

// Both versions also produce the same blocks, labels and places.
func TestBothVersionsBuildTheSameTree(t *testing.T) {
	t.Parallel()
	src := NewSource("a.hcl", []byte(`
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

var treeTypes = cmp.AllowUnexported(Value{}, Object{}, Item{})

// noLabels treats nil and an empty slice as equal: the readers differ in it.
var noLabels = cmp.FilterValues(func(a, b []string) bool { return len(a)+len(b) == 0 }, cmp.Ignore())

// Syntax that only one version has is read as well.
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
			tree, ok := Read(NewSource("a.hcl", []byte(text)), nil, func(e SyntaxError) {
				t.Errorf("offset %d: %s (%s)", e.Offset, e.Message, e.Hint)
			})
			if !ok || len(tree.Items) == 0 || tree.Items[0].Name != "template" {
				t.Fatalf("read %+v", tree)
			}
			objects, _ := tree.Items[0].Value.Blocks()
			got := map[string]string{}
			for _, it := range objects[0].Object.Items {
				got[it.Name] = strings.TrimSpace(it.Value.Text)
			}
			if diff := cmp.Diff(map[string]string{"a": "1", "b": "2"}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func throughHCL2(t *testing.T, src *Source) *Object {
	t.Helper()
	m, err := mask(src.text)
	if err != nil {
		t.Fatalf("hcl/v2: %+v", *err)
	}
	r := hcl2Reader{src: src, masked: m, report: func(e SyntaxError) { t.Errorf("hcl/v2: %+v", e) }}
	tree, errs := r.read()
	if len(errs) > 0 {
		t.Fatalf("hcl/v2: %+v", errs)
	}
	return tree
}

func throughHCL1(t *testing.T, src *Source) *Object {
	t.Helper()
	tree, err := readHCL1(src)
	if err != nil {
		t.Fatalf("hcl v1: %+v", *err)
	}
	return tree
}

// plain returns a value without its place and without the text of numbers.
func plain(v Value) Value {
	v.Offset = 0
	if v.Kind != String {
		v.Text = ""
	}
	var elements []Value
	for _, element := range v.List {
		elements = append(elements, plain(element))
	}
	v.List = elements
	if v.Object != nil {
		inner := &Object{}
		for _, it := range v.Object.Items {
			inner.Items = append(inner.Items, Item{Name: it.Name, Value: plain(it.Value), Assigned: it.Assigned})
		}
		v.Object = inner
	}
	return v
}
