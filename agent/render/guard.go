// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"sync"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// functions returns what the template may call. Each function checks before it is called
// that the execution is to go on, and that its result cannot become too big: no function
// can be stopped once it has begun.
func (e *execution) functions() template.FuncMap {
	functions := template.FuncMap{
		tickName: e.tick, enterName: e.enter, leaveName: e.leave, showName: e.show,
		"executeTemplate": e.executeTemplate,
		"file":            e.file,
		"loop":            loop,
		"pkiCert":         e.pkiCert,
		"plugin":          e.plugin,
		"secret":          e.secret,
		"secrets":         e.list,
		"spew_dump":       func(...any) string { return "" },
		"spew_printf":     func(string, ...any) string { return "" },
		"writeToFile":     e.writeToFile,
	}
	for i, s := range e.template.facts.shapes {
		switch f := sprigFunctions()[s.name]; {
		case f != nil:
			functions[s.name] = e.guard(s.name, f)
		case printers[s.name] != nil:
			functions[s.name] = e.guard(s.name, printers[s.name])
		case library.has(s.name) && !own.has(s.name):
			e.guardLibrary(functions, i, s)
		}
	}
	for name := range e.template.facts.denied {
		functions[name] = denied
	}
	return functions
}

// sprigFunctions are the functions of Sprig, with the names of consul-template.
var sprigFunctions = sync.OnceValue(func() template.FuncMap {
	functions := template.FuncMap{}
	for name, f := range maps.All(sprig.HermeticTxtFuncMap()) {
		functions["sprig_"+name] = f
	}
	return functions
})

// printers are the functions of text/template whose result grows with their arguments.
var printers = template.FuncMap{
	"html": template.HTMLEscaper, "js": template.JSEscaper, "urlquery": template.URLQueryEscaper,
	"print": fmt.Sprint, "printf": fmt.Sprintf, "println": fmt.Sprintln,
}

// guard returns a function with the same signature.
func (e *execution) guard(name string, f any) any {
	function := reflect.ValueOf(f)
	call := function.Call
	if function.Type().IsVariadic() {
		call = function.CallSlice
	}
	return reflect.MakeFunc(function.Type(), func(arguments []reflect.Value) []reflect.Value {
		if err := e.mayCall(name, arguments); err != nil {
			panic(err) // text/template returns it: most functions have no result for it
		}
		return call(arguments)
	}).Interface()
}

// guardLibrary adds a function of consul-template, which calls the shape with its number
// of arguments.
func (e *execution) guardLibrary(functions template.FuncMap, index int, s shape) {
	earlier, _ := functions[s.name].(func(...any) (any, error))
	functions[s.name] = func(arguments ...any) (any, error) {
		if len(arguments) != s.arguments && earlier != nil {
			return earlier(arguments...)
		}
		values := make([]reflect.Value, len(arguments))
		for i, a := range arguments {
			values[i] = reflect.ValueOf(a)
		}
		if err := e.mayCall(s.name, values); err != nil {
			return nil, err
		}
		return e.library.do(e.template.facts.shapes, index, arguments)
	}
}

// mayCall returns an error unless a function may be called with arguments.
func (e *execution) mayCall(name string, arguments []reflect.Value) error {
	if cheap.has(name) {
		return e.mayContinue(0)
	}
	if err := e.check("the argument of "+name, arguments...); err != nil {
		return err
	}
	if cost := costs[name]; cost != nil {
		size := cost(newOperands(arguments), e.template.limits.size)
		if size > float64(e.template.limits.size) {
			return e.tooBig("the result of " + name)
		}
		return e.mayContinue(int(size))
	}
	return nil
}

// executeTemplate implements executeTemplate.
func (e *execution) executeTemplate(name string, data ...any) (string, error) {
	if len(data) > 1 {
		return "", fmt.Errorf("executeTemplate: wrong number of arguments, expected 1 or 2, but got %d", len(data)+1)
	}
	var dot any
	if len(data) == 1 {
		dot = data[0]
	}
	if _, err := e.enter(); err != nil { // the template may be the one without a name
		return "", err
	}
	defer e.leave()
	output := limitedBuffer{execution: e}
	err := e.tmpl.ExecuteTemplate(&output, name, dot)
	return string(output.content), err
}

// cheap are functions that look at no more than the first level of their arguments.
var cheap = names("cheap", `
	sprig_append sprig_coalesce sprig_default sprig_dict sprig_empty sprig_first sprig_get sprig_hasKey
	sprig_initial sprig_kindIs sprig_kindOf sprig_last sprig_list sprig_prepend sprig_rest sprig_set
	sprig_ternary sprig_tuple sprig_typeIs sprig_typeOf sprig_unset scratch`)

// operands are the arguments of a call, with those of a variadic function one by one.
type operands []reflect.Value

func newOperands(arguments []reflect.Value) operands {
	var list operands
	for _, v := range arguments {
		if v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		if v.Kind() == reflect.Slice && v.Type() == reflect.TypeFor[[]any]() || v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Int {
			for i := range v.Len() {
				list = append(list, reflect.ValueOf(v.Index(i).Interface()))
			}
			continue
		}
		list = append(list, v)
	}
	return list
}

// text returns an argument that is a string, or "".
func (o operands) text(i int) string {
	if i < len(o) && o[i].Kind() == reflect.String {
		return o[i].String()
	}
	return ""
}

// number returns an argument that is a whole number, or 0.
func (o operands) number(i int) float64 {
	switch {
	case i >= len(o) || !o[i].IsValid():
	case o[i].CanInt():
		return float64(o[i].Int())
	case o[i].CanUint():
		return float64(o[i].Uint())
	}
	return 0
}

// lines returns the number of lines of a text.
func lines(text string) float64 { return float64(strings.Count(text, "\n") + 1) }
