// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/hcl/ast"
	"github.com/hashicorp/hcl/hcl/parser"
	"github.com/hashicorp/hcl/hcl/token"
)

// readHCL1 reads HCL with the parser of its first version. Duplicate keys pass:
// they are found in the tree, where all readers' are.
func readHCL1(src *source) (tree *object, failed *syntaxError) {
	defer func() {
		// The parser is no longer maintained, and has panicked on odd input before.
		if p := recover(); p != nil {
			tree, failed = nil, &syntaxError{message: fmt.Sprintf("the file cannot be read: %v", p)}
		}
	}()
	file, err := parser.ParseDontErrorOnDuplicateKeys(src.text)
	if err != nil {
		return nil, hcl1Error(err)
	}
	list, ok := file.Node.(*ast.ObjectList)
	if !ok {
		return nil, &syntaxError{message: "the file is not a list of keys and blocks"}
	}
	return hcl1Object(list)
}

// hcl1Error converts the parser's error; some it words for its own developers.
func hcl1Error(err error) *syntaxError {
	var at *parser.PosError
	if !errors.As(err, &at) {
		return &syntaxError{message: err.Error()}
	}
	message := at.Err.Error()
	switch {
	case strings.HasPrefix(message, "Unknown token"):
		message = "a value is expected here"
	case strings.HasPrefix(message, "illegal char"):
		message = "unexpected character"
	}
	return &syntaxError{offset: at.Pos.Offset, message: message}
}

func hcl1Object(from *ast.ObjectList) (*object, *syntaxError) {
	to := &object{}
	for _, it := range from.Items {
		converted, err := hcl1Item(it)
		if err != nil {
			return nil, err
		}
		to.items = append(to.items, converted)
	}
	return to, nil
}

func hcl1Item(from *ast.ObjectItem) (item, *syntaxError) {
	names := make([]string, len(from.Keys))
	for i, key := range from.Keys {
		v, err := hcl1Literal(key.Token)
		if err != nil {
			return item{}, err
		}
		names[i] = v.text
	}
	v, err := hcl1Value(from.Val)
	if err != nil {
		return item{}, err
	}
	return item{
		name:     names[0],
		labels:   names[1:],
		value:    v,
		offset:   from.Keys[0].Token.Pos.Offset,
		assigned: from.Assign.IsValid(),
	}, nil
}

func hcl1Value(from ast.Node) (value, *syntaxError) {
	switch node := from.(type) {
	case *ast.LiteralType:
		return hcl1Literal(node.Token)
	case *ast.ObjectType:
		inner, err := hcl1Object(node.List)
		return value{kind: block, object: inner, offset: node.Lbrace.Offset}, err
	case *ast.ListType:
		to := value{kind: list, offset: node.Lbrack.Offset}
		for _, element := range node.List {
			v, err := hcl1Value(element)
			if err != nil {
				return value{}, err
			}
			to.list = append(to.list, v)
		}
		return to, nil
	}
	return value{}, &syntaxError{offset: from.Pos().Offset, message: "a value is missing"}
}

func hcl1Literal(from token.Token) (value, *syntaxError) {
	v := value{kind: text, text: from.Text}
	var err error
	switch from.Type {
	case token.BOOL:
		v = value{kind: boolean, truth: from.Text == "true"}
	case token.NUMBER, token.FLOAT:
		v, err = number(from.Text)
	case token.STRING:
		v.text, err = quotedText(from.Text)
	case token.HEREDOC:
		v.text = heredocText(from.Text)
	}
	if err != nil {
		return value{}, &syntaxError{offset: from.Pos.Offset, message: err.Error()}
	}
	v.offset = from.Pos.Offset
	return v, nil
}
