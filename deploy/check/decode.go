// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// field is a field of a struct, with what its tag says.
type field struct {
	reflect.Value
	block bool
}

// fieldsOf returns the fields that have a tag, by their name in HCL, and apart
// from these the one for the block's label.
func fieldsOf(v reflect.Value) (fields map[string]field, label reflect.Value) {
	fields = map[string]field{}
	for i := range v.NumField() {
		tag, tagged := v.Type().Field(i).Tag.Lookup("hcl")
		name, kind, _ := strings.Cut(tag, ",")
		switch {
		case !tagged:
		case kind == "label":
			label = v.Field(i)
		default:
			fields[name] = field{v.Field(i), kind == "block"}
		}
	}
	return fields, label
}

// body reads a block's body into the struct that into points to.
func (d *decoder) body(body *hclsyntax.Body, into any) error {
	fields, _ := fieldsOf(reflect.ValueOf(into).Elem())
	for _, attribute := range body.Attributes {
		f, known := fields[attribute.Name]
		if !known || f.block && f.Kind() != reflect.Map {
			return fmt.Errorf("%s: unknown key %q", attribute.NameRange, attribute.Name)
		}
		value, err := d.value(attribute.Expr)
		if err == nil {
			err = set(f.Value, value)
		}
		if err != nil {
			return fmt.Errorf("%s: %q: %w", attribute.NameRange, attribute.Name, err)
		}
	}
	for _, block := range body.Blocks {
		f, known := fields[block.Type]
		if !known || !f.block {
			return fmt.Errorf("%s: unknown block %q", block.TypeRange, block.Type)
		}
		if err := d.block(block, f.Value); err != nil {
			return err
		}
	}
	return nil
}

// block reads a block into a field: a map of anything, a list of structs that
// grows, or a struct that may occur once.
func (d *decoder) block(block *hclsyntax.Block, into reflect.Value) error {
	switch into.Kind() {
	case reflect.Map:
		values, err := d.object(block.Body)
		if err != nil {
			return err
		}
		return set(into, values)
	case reflect.Slice:
		element := reflect.New(into.Type().Elem()).Elem()
		if err := d.structure(block, element); err != nil {
			return err
		}
		into.Set(reflect.Append(into, element))
		return nil
	case reflect.Pointer:
		if !into.IsNil() {
			return fmt.Errorf("%s: %q is given twice", block.TypeRange, block.Type)
		}
		return d.structure(block, into)
	}
	return fmt.Errorf("%s: %q cannot be a block", block.TypeRange, block.Type)
}

// structure reads a block into a struct, or a new one behind a nil pointer.
func (d *decoder) structure(block *hclsyntax.Block, into reflect.Value) error {
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	_, label := fieldsOf(into)
	if label.IsValid() != (len(block.Labels) == 1) || len(block.Labels) > 1 {
		return fmt.Errorf("%s: %q has the wrong number of names", block.TypeRange, block.Type)
	}
	if label.IsValid() {
		if err := set(label, cty.StringVal(block.Labels[0])); err != nil {
			return err
		}
	}
	return d.body(block.Body, into.Addr().Interface())
}

// object is a block whose keys are free, such as env, or the driver's config.
func (d *decoder) object(body *hclsyntax.Body) (cty.Value, error) {
	for _, block := range body.Blocks {
		return cty.NilVal, fmt.Errorf("%s: a block %q is not expected here", block.TypeRange, block.Type)
	}
	values := map[string]cty.Value{}
	for _, attribute := range body.Attributes {
		value, err := d.value(attribute.Expr)
		if err != nil {
			return cty.NilVal, err
		}
		values[attribute.Name] = value
	}
	return cty.ObjectVal(values), nil
}

var duration = reflect.TypeFor[time.Duration]()

// set gives a field a value, which is converted to the field's type.
func set(into reflect.Value, value cty.Value) error {
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	if into.Type() == duration {
		if value.Type() != cty.String {
			return fmt.Errorf("a duration must be a string such as \"30s\"")
		}
		parsed, err := time.ParseDuration(value.AsString())
		into.SetInt(int64(parsed))
		return err
	}
	if into.Type() == reflect.TypeFor[map[string]any]() {
		for it := value.ElementIterator(); it.Next(); {
			key, element := it.Element()
			if into.IsNil() {
				into.Set(reflect.MakeMap(into.Type()))
			}
			into.SetMapIndex(reflect.ValueOf(key.AsString()), reflect.ValueOf(ctyjson.SimpleJSONValue{Value: element}))
		}
		return nil
	}
	want, err := gocty.ImpliedType(into.Interface())
	if err != nil {
		return err
	}
	converted, err := convert.Convert(value, want)
	if err != nil {
		return err
	}
	return gocty.FromCtyValue(converted, into.Addr().Interface())
}
