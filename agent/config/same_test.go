// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/certagent/certagent/agent/config"
)

func TestSame(t *testing.T) {
	t.Parallel()
	const whole = aCertificate + `
  user  = "www-data"
  check { command = ["nginx", "-t"] }
  verify {
    address = ["127.0.0.1:8443"]
    fallback { change_mode = "command", command = ["true"] }
  }
  template {
    contents    = "x"
    destination = "app.conf"
  }`
	base := load(t, inBundle(whole), config.Overrides{}).Bundles[0]
	moved := load(t, "# a line more\n"+inBundle("\n"+whole), config.Overrides{}).Bundles[0]
	if base.Pos == moved.Pos {
		t.Fatal("nothing has moved")
	}
	if !config.Same(base, moved) {
		t.Error("a bundle that was moved is not the same any more")
	}
	for _, change := range [][2]string{
		{`"example.test"`, `"www.example.test"`}, {`user  = "www-data"`, ""}, {`"nginx", "-t"`, `"nginx", "-T"`}, {"8443", "443"},
		{`"true"`, `"false"`}, {`contents    = "x"`, `contents    = "y"`}, {`cert = "tls.crt"`, `cert = "web.crt"`}, {`check { command = ["nginx", "-t"] }`, ""},
		{`common_name = "example.test"`, `common_name = "example.test"` + "\n" + `params = { user_ids = "a" }`},
		{`{ change_mode = "command", command = ["true"] }`, `{ change_mode = "restart", change_exec = "web" }`},
	} {
		text := strings.Replace(whole, change[0], change[1], 1)
		if text == whole {
			t.Fatalf("%s is not there", change[0])
		}
		other := load(t, inBundle(text)+"exec \"web\" {\n command = [\"app\"]\n}\n", config.Overrides{}).Bundles[0]
		if config.Same(base, other) || config.Same(other, base) {
			t.Errorf("without %s it is still the same", change[0])
		}
	}
}

// Same compares every field of an exec block, including those added later.
func TestSameExecs(t *testing.T) {
	t.Parallel()
	base := load(t, login+aTemplate+"exec \"web\" {\n command = [\"app\"]\n signals = { SIGTERM = \"SIGQUIT\" }\n}\n", config.Overrides{}).Execs
	moved := load(t, "\n"+login+aTemplate+"exec \"web\" {\n command = [\"app\"]\n signals = { SIGTERM = \"SIGQUIT\" }\n}\n", config.Overrides{}).Execs
	if base[0].Pos == moved[0].Pos || !config.Same(base, moved) {
		t.Error("a block that was moved is not the same any more")
	}
	if config.Same(base, append(slices.Clone(base), base[0])) {
		t.Error("with one more it is still the same")
	}
	for _, path := range fieldsOf(reflect.TypeFor[config.Exec](), nil) {
		other := slices.Clone(base)
		changeField(t, reflect.ValueOf(&other[0]).Elem().FieldByIndex(path))
		if config.Same(base, other) || config.Same(other, base) {
			t.Errorf("with another %s it is still the same", reflect.TypeFor[config.Exec]().FieldByIndex(path).Name)
		}
	}
}

// fieldsOf returns the index path of each field of a struct, except places.
func fieldsOf(of reflect.Type, before []int) (all [][]int) {
	for i := range of.NumField() {
		path := append(slices.Clone(before), i)
		switch field := of.Field(i).Type; {
		case field == reflect.TypeFor[config.Pos]():
		case field.Kind() == reflect.Struct:
			all = append(all, fieldsOf(field, path)...)
		default:
			all = append(all, path)
		}
	}
	return all
}

func changeField(t *testing.T, field reflect.Value) {
	t.Helper()
	switch field.Kind() {
	case reflect.Bool:
		field.SetBool(!field.Bool())
	case reflect.String:
		field.SetString(field.String() + "x")
	case reflect.Int, reflect.Int64:
		field.SetInt(field.Int() + 1)
	case reflect.Slice:
		field.Set(reflect.MakeSlice(field.Type(), field.Len()+1, field.Len()+1))
	case reflect.Map:
		changed := reflect.MakeMap(field.Type())
		for _, key := range field.MapKeys() {
			changed.SetMapIndex(key, reflect.Zero(field.Type().Elem()))
		}
		field.Set(changed)
	default:
		t.Fatalf("a field is a %v", field.Kind())
	}
}
