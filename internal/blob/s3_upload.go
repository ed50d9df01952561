package blob

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// s3Upload is an object on its way: in memory while it is no larger than a
// part, from then on a multipart upload.
type s3Upload struct {
	bucket *s3Bucket
	ctx    context.Context // of Create
	key    string
	stamp  stamp
	parts  parts
	id     string                // of the multipart upload, "" before it
	begun  bool                  // the store may have begun one whose id we never heard
	done   []types.CompletedPart // as the store acknowledged them
}

func (b *s3Bucket) upload(ctx context.Context, key string) *s3Upload {
	u := &s3Upload{bucket: b, ctx: ctx, key: key, stamp: newStamp(b.Owner)}
	u.parts = parts{size: b.PartSize, send: u.send}
	return u
}

// Write keeps bytes until they fill a part.
func (u *s3Upload) Write(p []byte) (int, error) { return u.parts.Write(p) }

// begin asks for a multipart upload. An answer that is lost leaves an upload
// without a name behind; the retry then gets another.
func (u *s3Upload) begin() error {
	out, err := u.bucket.client.CreateMultipartUpload(u.ctx, &s3.CreateMultipartUploadInput{
		Bucket:            &u.bucket.Bucket,
		Key:               &u.key,
		Metadata:          u.stamp.metadata(),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c,
	})
	if err != nil {
		status := s3Answer(err).status
		u.begun = busy(status) || status == 0 && sent(err)
		return s3Fault("begin upload", err)
	}
	u.id = aws.ToString(out.UploadId)
	tries, _ := awsretry.GetAttemptResults(out.ResultMetadata)
	u.begun = len(tries.Results) > 1
	return nil
}

// checksum returns the CRC-32C of a body as the headers of S3 have it.
func checksum(b []byte) *string {
	sum := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return aws.String(base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum)))
}

func (u *s3Upload) send(n int, part []byte) error {
	if u.id == "" {
		if err := u.begin(); err != nil {
			return err
		}
	}
	sum := checksum(part)
	out, err := u.bucket.client.UploadPart(u.ctx, &s3.UploadPartInput{
		Bucket:         &u.bucket.Bucket,
		Key:            &u.key,
		UploadId:       &u.id,
		PartNumber:     aws.Int32(int32(n)),
		Body:           bytes.NewReader(part),
		ChecksumCRC32C: sum,
	})
	if err != nil {
		return s3Fault("upload part", err)
	}
	u.done = append(u.done, types.CompletedPart{
		PartNumber: aws.Int32(int32(n)), ETag: out.ETag, ChecksumCRC32C: sum})
	return nil
}

// Commit completes the upload, or sends the object if it fits into a part.
func (u *s3Upload) Commit(ctx context.Context) error {
	err := u.parts.err
	if err == nil && u.id != "" && len(u.parts.rest) > 0 {
		err = u.parts.flush()
	}
	if err == nil {
		err = settle(ctx, u, u.stamp)
	}
	if err == nil {
		u.id = "" // there is nothing to abort
	}
	u.tidy()
	return err
}

// tidy aborts where the outcome is decided already.
func (u *s3Upload) tidy() {
	if err := u.Abort(); err != nil {
		u.bucket.Logger.Warn("an unfinished upload may remain", "key", u.key, "error", err)
	}
}

// put makes the object visible. Stores that are like S3 may not know the
// condition of a write and ignore it, so there it looks before.
func (u *s3Upload) put(ctx context.Context, version string) error {
	if version == "" && u.bucket.compatible {
		if there, err := u.look(ctx); err == nil && there.version != "" {
			return fmt.Errorf("put object: %w", errTaken)
		}
	}
	var free, same *string
	if version == "" {
		free = aws.String("*")
	} else {
		same = &version
	}
	if u.id != "" {
		_, err := u.bucket.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket:          &u.bucket.Bucket,
			Key:             &u.key,
			UploadId:        &u.id,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: u.done},
			IfNoneMatch:     free,
			IfMatch:         same,
		})
		return s3Fault("complete upload", err)
	}
	_, err := u.bucket.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket:         &u.bucket.Bucket,
		Key:            &u.key,
		Body:           bytes.NewReader(u.parts.rest),
		ChecksumCRC32C: checksum(u.parts.rest),
		Metadata:       u.stamp.metadata(),
		IfNoneMatch:    free,
		IfMatch:        same,
	})
	return s3Fault("put object", err)
}

// look asks for the metadata of what has the key.
func (u *s3Upload) look(ctx context.Context) (found, error) {
	out, err := u.bucket.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &u.bucket.Bucket, Key: &u.key})
	if s3Answer(err).status == 404 {
		return found{}, nil
	}
	if err != nil {
		return found{}, s3Fault("look at object", err)
	}
	return found{
		stamp:   stamp{owner: out.Metadata[ownerKey], upload: out.Metadata[uploadKey]},
		version: aws.ToString(out.ETag),
	}, nil
}

// Abort gives up the upload and, if an answer was lost when it began, what may
// have begun then.
func (u *s3Upload) Abort() error {
	if u.id == "" && !u.begun {
		u.parts = parts{err: errEnded}
		return nil
	}
	ctx, cancel := tidying(u.ctx)
	defer cancel()
	var err error
	if u.id != "" {
		err = u.bucket.abort(ctx, u.key, u.id)
	}
	if u.begun {
		err = errors.Join(err, u.bucket.sweep(ctx, u.key, func(key string) bool { return key == u.key }))
	}
	u.id, u.begun = "", false
	u.parts = parts{err: errEnded}
	return err
}
