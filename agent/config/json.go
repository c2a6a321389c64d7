// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// jsonReader reads JSON, token by token, so that every value has its place.
type jsonReader struct {
	src *source
	dec *json.Decoder
}

func readJSON(src *source, report func(syntaxError)) (*object, bool) {
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
	return v.object, true
}

// next returns the next token and where it starts.
func (r *jsonReader) next() (json.Token, int, *syntaxError) {
	at := int(r.dec.InputOffset())
	for at < len(r.src.text) && bytes.IndexByte([]byte(" \t\n\r,:"), r.src.text[at]) >= 0 {
		at++
	}
	tok, err := r.dec.Token()
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, 0, &syntaxError{max(at, int(syntax.Offset)-1), syntax.Error(), ""}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, 0, &syntaxError{len(r.src.text) - 1, "unexpected end of JSON input", ""}
	case err != nil:
		return nil, 0, &syntaxError{at, err.Error(), ""}
	}
	return tok, at, nil
}

// end checks that nothing follows.
func (r *jsonReader) end() *syntaxError {
	at := int(r.dec.InputOffset())
	if rest := bytes.TrimSpace(r.src.text[at:]); len(rest) > 0 {
		return &syntaxError{bytes.Index(r.src.text[at:], rest) + at, "text after the end of the JSON object", ""}
	}
	return nil
}

func (r *jsonReader) value(depth int) (value, *syntaxError) {
	tok, at, err := r.next()
	if err != nil {
		return value{}, err
	}
	if depth > maxDepth {
		return value{}, tooDeep(at)
	}
	v := value{offset: at}
	switch tok := tok.(type) {
	case bool:
		v.kind, v.truth = boolean, tok
	case string:
		v.kind, v.text = text, tok
	case json.Number:
		n, err := number(tok.String())
		if err != nil {
			return value{}, &syntaxError{at, err.Error(), ""}
		}
		n.offset = at
		return n, nil
	case json.Delim:
		if tok == '[' {
			return r.list(v, depth)
		}
		return r.object(v, depth)
	}
	return v, nil
}

func (r *jsonReader) list(v value, depth int) (value, *syntaxError) {
	v.kind = list
	for r.dec.More() {
		element, err := r.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		v.list = append(v.list, element)
	}
	_, _, err := r.next()
	return v, err
}

func (r *jsonReader) object(v value, depth int) (value, *syntaxError) {
	v.kind, v.object = block, &object{}
	for r.dec.More() {
		name, at, err := r.next()
		if err != nil {
			return value{}, err
		}
		inner, err := r.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		key, _ := name.(string)
		_, isBlock := inner.objects()
		v.object.items = append(v.object.items, item{name: key, value: inner, offset: at, assigned: !isBlock})
	}
	_, _, err := r.next()
	return v, err
}
