// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package hclread

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// jsonReader reads JSON token by token, so that every value has its place.
type jsonReader struct {
	src *Source
	dec *json.Decoder
}

func readJSON(src *Source, report func(SyntaxError)) (*Object, bool) {
	r := jsonReader{src: src, dec: json.NewDecoder(bytes.NewReader(src.text))}
	r.dec.UseNumber()
	v, err := r.value(0)
	if err == nil {
		err = r.end()
	}
	if err != nil {
		report(*err)
		return nil, false
	}
	return v.Object, true
}

// next returns the next token and its offset.
func (r *jsonReader) next() (json.Token, int, *SyntaxError) {
	at := int(r.dec.InputOffset())
	for at < len(r.src.text) && bytes.IndexByte([]byte(" \t\n\r,:"), r.src.text[at]) >= 0 {
		at++
	}
	tok, err := r.dec.Token()
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, 0, &SyntaxError{max(at, int(syntax.Offset)-1), syntax.Error(), ""}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, 0, &SyntaxError{len(r.src.text) - 1, "unexpected end of JSON input", ""}
	case err != nil:
		return nil, 0, &SyntaxError{at, err.Error(), ""}
	}
	return tok, at, nil
}

// end checks that nothing follows the object.
func (r *jsonReader) end() *SyntaxError {
	at := int(r.dec.InputOffset())
	if rest := bytes.TrimSpace(r.src.text[at:]); len(rest) > 0 {
		return &SyntaxError{bytes.Index(r.src.text[at:], rest) + at, "text after the end of the JSON object", ""}
	}
	return nil
}

func (r *jsonReader) value(depth int) (Value, *SyntaxError) {
	tok, at, err := r.next()
	if err != nil {
		return Value{}, err
	}
	if depth > maxDepth {
		return Value{}, tooDeep(at)
	}
	v := Value{Offset: at}
	switch tok := tok.(type) {
	case bool:
		v.Kind, v.Bool = Bool, tok
	case string:
		v.Kind, v.Text = String, tok
	case json.Number:
		n, err := number(tok.String())
		if err != nil {
			return Value{}, &SyntaxError{at, err.Error(), ""}
		}
		n.Offset = at
		return n, nil
	case json.Delim:
		if tok == '[' {
			return r.list(v, depth)
		}
		return r.object(v, depth)
	}
	return v, nil
}

func (r *jsonReader) list(v Value, depth int) (Value, *SyntaxError) {
	v.Kind = List
	for r.dec.More() {
		element, err := r.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		v.List = append(v.List, element)
	}
	_, _, err := r.next()
	return v, err
}

func (r *jsonReader) object(v Value, depth int) (Value, *SyntaxError) {
	v.Kind, v.Object = Block, &Object{}
	for r.dec.More() {
		name, at, err := r.next()
		if err != nil {
			return Value{}, err
		}
		inner, err := r.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		key, _ := name.(string)
		_, isBlock := inner.Blocks()
		v.Object.Items = append(v.Object.Items, Item{Name: key, Value: inner, Offset: at, Assigned: !isBlock})
	}
	_, _, err := r.next()
	return v, err
}
