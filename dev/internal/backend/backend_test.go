// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMatch(t *testing.T) {
	table := Table{{Pattern: "role/{name}"}, {Pattern: "role/{name}/secret-id"}, {Pattern: "data/{path...}"}, {Pattern: "ca"}}
	cases := []struct {
		path, pattern string
		params        map[string]string
	}{
		{"role/web", "role/{name}", map[string]string{"name": "web"}},
		{"role/web/", "role/{name}", map[string]string{"name": "web"}},
		{"role/web/secret-id", "role/{name}/secret-id", map[string]string{"name": "web"}},
		{"role", "", nil},
		{"role/", "", nil},
		{"role//secret-id", "", nil},
		{"role/web/other", "", nil},
		{"data/a/b", "data/{path...}", map[string]string{"path": "a/b"}},
		{"data", "data/{path...}", map[string]string{"path": ""}},
		{"ca", "ca", nil},
		{"ca/pem", "", nil},
		{"", "", nil},
	}
	for _, tc := range cases {
		route, params := table.Match(tc.path)
		pattern := ""
		if route != nil {
			pattern = route.Pattern
		}
		if pattern != tc.pattern || !maps.Equal(params, tc.params) {
			t.Errorf("%q: got %q %v, want %q %v", tc.path, pattern, params, tc.pattern, tc.params)
		}
	}
}

func TestGlob(t *testing.T) {
	cases := map[[2]string]bool{
		{"a", "a"}: true, {"a", "b"}: false, {"*", ""}: true, {"*", "a.b/c"}: true, {"a*", "ab"}: true, {"a*", "ba"}: false,
		{"*a", "ba"}: true, {"a*a", "a"}: false, {"a*b*c", "a-b-c"}: true, {"a*b*c", "a-c-b"}: false, {"", ""}: true, {"", "a"}: false,
	}
	for in, want := range cases {
		if got := Glob(in[0], in[1]); got != want {
			t.Errorf("Glob(%q, %q) = %t", in[0], in[1], got)
		}
	}
}

func TestDecode(t *testing.T) {
	type inner struct {
		Text string `json:"text"`
	}
	type fields struct {
		inner
		Bool     bool              `json:"bool"`
		Int      int               `json:"int"`
		Duration Seconds           `json:"duration"`
		List     []string          `json:"list"`
		Whole    []string          `json:"whole" decode:"whole"`
		Map      map[string]string `json:"map"`
		Ints     []int             `json:"ints"`
		Old      Seconds           `json:"old,omitempty" decode:"-"`
	}
	cases := []struct {
		in   Fields
		want fields
	}{
		{Fields{"text": "x", "bool": "true", "int": json.Number("5"), "old": "5m"}, fields{inner: inner{"x"}, Bool: true, Int: 5}},
		{Fields{"duration": "5m"}, fields{Duration: Seconds(5 * time.Minute)}},
		{Fields{"duration": "1d"}, fields{Duration: Seconds(24 * time.Hour)}},
		{Fields{"duration": json.Number("30")}, fields{Duration: Seconds(30 * time.Second)}},
		{Fields{"duration": nil, "list": "a, b,,c", "whole": "a,b"}, fields{List: []string{"a", "b", "c"}, Whole: []string{"a,b"}}},
		{Fields{"list": []any{"a,b"}, "ints": []any{json.Number("1"), json.Number("2")}}, fields{List: []string{"a,b"}, Ints: []int{1, 2}}},
		{Fields{"map": "a=b", "ints": json.Number("3")}, fields{Map: map[string]string{"a": "b"}, Ints: []int{3}}},
		{Fields{"map": "a=b=c,d=e"}, fields{Map: map[string]string{"a": "b=c,d=e"}}},
		{Fields{"map": []any{"a=b", "c=d"}}, fields{Map: map[string]string{"a": "b", "c": "d"}}},
		{Fields{"map": map[string]any{"a": json.Number("1")}}, fields{Map: map[string]string{"a": "1"}}},
	}
	for _, tc := range cases {
		var got fields
		if err := tc.in.Decode(&got); err != nil {
			t.Errorf("%v: %v", tc.in, err)
		} else if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(fields{})); diff != "" {
			t.Errorf("%v: (-want +got)\n%s", tc.in, diff)
		}
	}
	for _, in := range []Fields{{"bool": "maybe"}, {"int": "x"}, {"duration": "soon"}, {"list": json.Number("5")}, {"map": "x"}, {"map": `{"a":"b"}`}, {"map": map[string]any{"a": []any{"b"}}}, {"map": []any{[]any{"a=b"}}}, {"ints": "a"}} {
		var got fields
		if err := in.Decode(&got); err == nil {
			t.Errorf("%v: accepted as %+v", in, got)
		}
	}
}
