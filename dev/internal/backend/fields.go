// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Fields are the parameters of a request, decoded from JSON with numbers as
// json.Number.
type Fields map[string]any

// Seconds is a duration. It is decoded as Vault decodes durations ("5m", "300" or
// 300) and encoded as a number of seconds.
type Seconds time.Duration

// MarshalJSON returns the number of seconds.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendInt(nil, int64(time.Duration(s)/time.Second), 10), nil
}

// Has reports whether a field is present and not null.
func (f Fields) Has(name string) bool { return f[name] != nil }

// String returns a field as a string, "" if it is absent.
func (f Fields) String(name string) string {
	switch v := f[name].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// Decode sets the fields of the struct that dst points to, by their JSON names.
// A field that f does not mention keeps its value. A string for a list is split
// at commas, unless the field's tag is decode:"whole". Fields whose tag is
// decode:"-" are not set.
func (f Fields) Decode(dst any) error { return f.decode(reflect.ValueOf(dst).Elem()) }

func (f Fields) decode(dst reflect.Value) error {
	for i := range dst.NumField() {
		field := dst.Type().Field(i)
		if field.Anonymous {
			if err := f.decode(dst.Field(i)); err != nil {
				return err
			}
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		option := field.Tag.Get("decode")
		if name == "" || option == "-" || !f.Has(name) {
			continue
		}
		value := f[name]
		if text, ok := value.(string); ok && option == "whole" {
			value = []any{text}
		}
		if err := convert(value, dst.Field(i).Addr().Interface()); err != nil {
			return BadRequest("Field validation failed: error converting input for field %q: %v", name, err)
		}
	}
	return nil
}

func convert(v any, dst any) (err error) {
	switch dst := dst.(type) {
	case *string:
		*dst = fmt.Sprint(v)
	case *bool:
		*dst, err = strconv.ParseBool(fmt.Sprint(v))
	case *int:
		*dst, err = strconv.Atoi(fmt.Sprint(v))
	case *Seconds:
		var d time.Duration
		d, err = ParseDuration(v)
		*dst = Seconds(d)
	case *[]string:
		*dst, err = toList(v)
	case *map[string]string:
		*dst, err = toMap(v)
	case *map[string]any:
		m, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("expected a map, got %T", v)
		}
		*dst = m
	case *[]int:
		*dst, err = toInts(v)
	default:
		panic(fmt.Sprintf("backend: field type %T", dst))
	}
	return err
}

// ParseDuration parses a number of seconds, or a string such as "30", "5m" or "1d".
func ParseDuration(v any) (time.Duration, error) {
	text := strings.TrimSpace(fmt.Sprint(v))
	if text == "" {
		return 0, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseInt(days, 10, 64); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	return time.ParseDuration(text)
}

func toList(v any) ([]string, error) {
	list := []string{}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			list = append(list, fmt.Sprint(item))
		}
	case string:
		for item := range strings.SplitSeq(v, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
	default:
		return nil, fmt.Errorf("expected a list, got %T", v)
	}
	return list, nil
}

func toInts(v any) ([]int, error) {
	list, err := toList(v)
	if n, ok := v.(json.Number); ok {
		list, err = []string{n.String()}, nil
	}
	ints := make([]int, len(list))
	for i := 0; i < len(list) && err == nil; i++ {
		ints[i], err = strconv.Atoi(list[i])
	}
	return ints, err
}

// toMap converts key/value pairs as Vault does: an object, or strings such as
// key=value, which command lines and templates send. It does not parse strings as
// JSON.
func toMap(v any) (map[string]string, error) {
	m := make(map[string]string)
	if object, ok := v.(map[string]any); ok {
		for key, value := range object {
			text, ok := toText(value)
			if !ok {
				return nil, notText(v)
			}
			m[key] = text
		}
		return m, nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, item := range list {
		pair, ok := toText(item)
		if !ok {
			return nil, notText(item)
		}
		key, value, found := strings.Cut(pair, "=")
		if !found {
			return nil, fmt.Errorf("invalid key pair %q", pair)
		}
		m[key] = value
	}
	return m, nil
}

// toText returns a JSON value as a string. It fails for objects and lists.
func toText(v any) (text string, ok bool) {
	switch v := v.(type) {
	case map[string]any, []any:
		return "", false
	case bool: // as in Vault's decoder
		return map[bool]string{false: "0", true: "1"}[v], true
	case nil:
		return "", true
	default:
		return fmt.Sprint(v), true
	}
}

func notText(v any) error {
	return fmt.Errorf("1 error(s) decoding:\n\n* '[0]' expected type 'string', got unconvertible type '%T', value: '%v'", v, v)
}
