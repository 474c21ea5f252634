#include "dataplane/crypto/aead_jobs.h"

#include <cstring>

#include "dataplane/crypto/same_tag.h"

namespace kanmon::crypto {

namespace {

constexpr uint32_t kNonceBytes = 12;

void set_algorithm(IMB_JOB& w, const Job& j) {
  if (esp::info(j.algorithm).is_chacha20()) {
    w.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    w.hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    w.u.CHACHA20_POLY1305.aad = j.aad;
    w.u.CHACHA20_POLY1305.aad_len_in_bytes = j.aad_bytes;
  } else {
    w.cipher_mode = IMB_CIPHER_GCM;
    w.hash_alg = IMB_AUTH_AES_GMAC;
    w.u.GCM.aad = j.aad;
    w.u.GCM.aad_len_in_bytes = j.aad_bytes;
  }
  w.enc_keys = w.dec_keys = j.key->expanded;
  w.key_len_in_bytes = esp::info(j.algorithm).encr_key_bytes;
}

void set_data(IMB_JOB& w, const Job& j, uint8_t* tag, bool seal) {
  w.src = w.dst = j.text;
  w.cipher_start_src_offset_in_bytes = w.hash_start_src_offset_in_bytes = 0;
  w.msg_len_to_cipher_in_bytes = w.msg_len_to_hash_in_bytes = j.length;
  w.iv = j.nonce;
  w.iv_len_in_bytes = kNonceBytes;
  w.auth_tag_output = tag;
  w.auth_tag_output_len_in_bytes = kTagBytes;
  w.cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
  w.chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
}

}  // namespace

bool AeadJobs::run(IMB_MGR* m, Job* const* jobs, uint32_t count, bool seal) {
  uint32_t done = 0;
  for (uint32_t i = 0; i < count; ++i) {
    IMB_JOB* w = m->get_next_job(m);
    set_algorithm(*w, *jobs[i]);
    set_data(*w, *jobs[i], seal ? jobs[i]->text + jobs[i]->length : tags_[i], seal);
    for (w = m->submit_job_nocheck(m); w != nullptr; w = m->get_completed_job(m))
      done += w->status == IMB_STATUS_COMPLETED;
  }
  for (IMB_JOB* w; (w = m->flush_job(m)) != nullptr;) done += w->status == IMB_STATUS_COMPLETED;
  return done == count;
}

// What the library did not do must not leave as it is, nor be looked at.
void AeadJobs::seal(IMB_MGR* m, Job* const* jobs, uint32_t count) {
  if (run(m, jobs, count, true)) [[likely]]
    return;
  for (uint32_t i = 0; i < count; ++i) std::memset(jobs[i]->text, 0, jobs[i]->length);
}

void AeadJobs::open(IMB_MGR* m, Job* const* jobs, uint32_t count) {
  const bool sound = run(m, jobs, count, false);
  for (uint32_t i = 0; i < count; ++i)
    jobs[i]->authentic = same_tag(tags_[i], jobs[i]->text + jobs[i]->length) && sound;
}

}  // namespace kanmon::crypto
