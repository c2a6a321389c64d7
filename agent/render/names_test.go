// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"text/template"

	consultemplate "github.com/hashicorp/consul-template/template"
)

// registered lists the functions that consul-template registers by name, read
// from its source, since it does not export them. An upgrade that brings a new
// one fails the test below.
func registered(t *testing.T) []string {
	t.Helper()
	file, _ := runtime.FuncForPC(reflect.ValueOf(consultemplate.NewTemplate).Pointer()).FileLine(0)
	if _, err := os.Stat(file); err != nil {
		t.Skipf("built without the path of consul-template's source: %v", err)
	}
	source, err := parser.ParseFile(token.NewFileSet(), filepath.Join(filepath.Dir(file), "template.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	ast.Inspect(source, func(n ast.Node) bool {
		if pair, ok := n.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.BasicLit); ok && key.Kind == token.STRING {
				name, _ := strconv.Unquote(key.Value)
				list = append(list, name)
			}
		}
		return true
	})
	return list
}

func TestEveryFunctionOfConsulTemplateIsKnownOrRefused(t *testing.T) {
	theirs := registered(t)
	if len(theirs) < 90 {
		t.Fatalf("found only %d functions in the source", len(theirs))
	}
	ours := slices.Concat(slices.Collect(maps.Keys(own)), slices.Collect(maps.Keys(library)), slices.Collect(maps.Keys(refused)))
	slices.Sort(theirs)
	slices.Sort(ours)
	if !slices.Equal(ours, theirs) {
		t.Errorf("ours   %q\ntheirs %q", ours, theirs)
	}
}

func TestBuiltinFunctionsAreThoseOfTextTemplate(t *testing.T) {
	for name := range builtin {
		if _, err := template.New("").Parse("{{ " + name + " }}"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGroupsNameKnownFunctions(t *testing.T) {
	for _, group := range []set{unreproducible, environmental, local} {
		for name := range group {
			if !known(name) {
				t.Errorf("unknown function %s", name)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"secrt": "secret", "pkicert": "pkiCert", "toJson": "toJSON", "upper": "sprig_upper",
		"base64decode": "base64Decode", "quite_unlike_anything": "",
	} {
		if got := nearestFunction(name); got != want {
			t.Errorf("nearestFunction(%q) = %q, want %q", name, got, want)
		}
	}
}
