module github.com/scaivault/audit

go 1.26.0
