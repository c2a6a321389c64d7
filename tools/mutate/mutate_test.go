// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// mutants returns the mutants of a function's source and checks that each parses.
func mutants(t *testing.T, text string) []mutant {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.go"), []byte("package a\n\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := parsePackage(dir, []string{"a.go"})
	if err != nil {
		t.Fatal(err)
	}
	all := mutantsOf(files)
	for _, m := range all {
		if _, err := parser.ParseFile(token.NewFileSet(), "", m.text(), parser.AllErrors); err != nil {
			t.Errorf("%v: %v\n%s", m, err, m.text())
		}
	}
	return all
}

func TestOperators(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{`func f(a, b int) bool { return a < b && !c }`, []string{
			"return constant: a < b && !c → true", "return constant: a < b && !c → false",
			"drop operand: a < b && !c → !c", "drop operand: a < b && !c → a < b", "swap operator: a < b && !c → a < b || !c",
			"swap operator: a < b → a <= b", "swap operator: a < b → a >= b", "drop negation: !c → c"}},
		{`func f() { if g() { x = 1 } }`, []string{
			"negate condition: g() → !(g())", "fix condition: g() → true", "fix condition: g() → false",
			"remove statement: x = 1 → nothing", "change constant: 1 → 2", "change constant: 1 → 0"}},
		{`func f() (int, error) { return 0, g() }`, []string{"return zero: g() → zero value", "change constant: 0 → 1"}},
		{`func f() (int, error) { return g() }`, []string{"return zero: g() → zero values"}},
		{`func f() []string { return nil }`, nil},
		{`func f() { return }`, []string{"remove statement: return → nothing"}},
		{`var l = []func(){x, y, z}`, []string{
			"drop element: x → nothing", "drop element: y → nothing", "drop element: z → nothing",
			"reorder: x → behind y", "reorder: x → behind z", "reorder: y → behind z"}},
		{`var s = S{A: x, B: false}`, []string{"drop element: A: x → nothing", "change constant: false → true"}},
		{"const (\n\tOne K = iota\n\tTwo\n\tThree\n)\n\nvar k = Three", []string{"swap constant: Three → One"}},
		{"const (\n\tOne K = iota\n\tTwo\n)\n\nfunc f() K { return One }", []string{"swap constant: One → Two"}},
		{`func f() { for i := range n { i += 2; i++ } }`, []string{
			"skip loop: { → { break", "swap arithmetic: i += 2 → i -= 2", "remove statement: i += 2 → nothing",
			"swap arithmetic: i++ → i--", "remove statement: i++ → nothing", "change constant: 2 → 3", "change constant: 2 → 1"}},
		{"func f() { switch x {\ncase a, b: g()\ndefault:\n} }", []string{
			"drop case: a → nothing", "drop case: b → nothing", "drop case: case a, b: g() → nothing", "remove statement: g() → nothing",
			"drop case: default: → nothing"}},
		{"func f() { switch {\ncase a > 1: g()\n} }", []string{
			"negate condition: a > 1 → !(a > 1)", "fix condition: a > 1 → true", "fix condition: a > 1 → false", "drop case: case a > 1: g() → nothing",
			"swap operator: a > 1 → a >= 1", "swap operator: a > 1 → a <= 1", "change constant: 1 → 2", "change constant: 1 → 0",
			"remove statement: g() → nothing"}},
		{`func f() { g(t.Before(u), min(a, "")) }`, []string{
			"remove statement: g(t.Before(u), min(a, \"\")) → nothing", "swap function: Before → After", "swap function: min → max",
			`change constant: "" → "mutant"`}},
	} {
		var got []string
		for _, m := range mutants(t, test.text) {
			got = append(got, m.change())
		}
		slices.Sort(got)
		slices.Sort(test.want)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", test.text, strings.Join(got, "\n     "), strings.Join(test.want, "\n     "))
		}
	}
}

// Equal changes of one function have different keys.
func TestKeys(t *testing.T) {
	var keys []string
	for _, m := range mutants(t, `func (t *T) f() { g(); g() }`) {
		keys = append(keys, m.key())
	}
	want := []string{"(*T).f\nremove statement: g() → nothing", "(*T).f#2\nremove statement: g() → nothing"}
	if !slices.Equal(keys, want) {
		t.Errorf("got %q", keys)
	}
}

// sample runs the tool on the sample package with a list of equivalent mutants.
func sample(t *testing.T, files, equivalent string) (clean bool, output string) {
	t.Helper()
	list := filepath.Join(t.TempDir(), "equivalent.txt")
	if err := os.WriteFile(list, []byte(equivalent), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir("testdata/sample")
	var out bytes.Buffer
	clean, err := mutate(t.Context(), options{
		directory: "door", tests: []string{"./door"}, files: regexp.MustCompile(files),
		equivalent: list, workers: 2, limit: 10 * time.Second,
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	return clean, strings.ReplaceAll(out.String(), list, "list")
}

const locked = `
door next
drop operand: push && !locked → push
because the sample's tests know no lock
`

const unused = `
door unused
change constant: true → false
because nobody calls it
`

func TestSurvivors(t *testing.T) {
	clean, output := sample(t, "", unused+`
door wait
skip loop: { → { break
because this entry is wrong: a test kills the mutant
`)
	for _, want := range []string{
		"door/door.go:15: drop operand: push && !locked → push, in next\n",
		"list:6: this mutant does not exist, or a test kills it: remove the entry\n",
		" 1 equivalent, 1 survived (0 without a test)",
		" killed (2 by time), ",
	} {
		if !strings.Contains(output, want) {
			t.Errorf("%q is missing in:\n%s", want, output)
		}
	}
	if clean || strings.Count(output, "door/door.go") != 1 {
		t.Errorf("clean: %v:\n%s", clean, output)
	}
}

func TestClean(t *testing.T) {
	if clean, output := sample(t, "", locked+unused); !clean {
		t.Error(output)
	}

}

func TestFiles(t *testing.T) {
	if clean, output := sample(t, "window", locked); !clean || !strings.Contains(output, " 0 mutants") {
		t.Error(output)
	}
}

func TestReadEquivalentRefuses(t *testing.T) {
	for _, text := range []string{"a f\nchange\nno reason\n", "a f\nchange\n", "a f\nchange\nbecause \n"} {
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if entries, err := readEquivalent(path); err == nil {
			t.Errorf("%q: accepted as %v", text, entries)
		}
	}
}
