package io.frz.onnxruntime

/** Is told how far loading has come. */
public fun interface FrzSessionProgress {
    /** [done] of [total] bytes of weights have been decoded. Called on the thread that loads. */
    public fun onProgress(done: Long, total: Long)
}
