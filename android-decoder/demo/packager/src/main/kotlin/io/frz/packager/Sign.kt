package io.frz.packager

import com.android.apksig.ApkSigner
import com.android.apksig.KeyConfig
import java.io.File

/**
 * Aligns the uncompressed entries of [unsigned], and signs it for all versions of Android since [MIN_SDK]: with schemes
 * 1, 2 and 3.
 */
internal fun sign(unsigned: File, output: File, key: SigningKey) {
    val signer = ApkSigner.SignerConfig.Builder("frz", KeyConfig.Jca(key.key), listOf(key.certificate)).build()
    ApkSigner.Builder(listOf(signer))
        .setInputApk(unsigned)
        .setOutputApk(output)
        .setMinSdkVersion(MIN_SDK)
        .setLibraryPageAlignmentBytes(PAGE)
        .setCreatedBy("frformat")
        .build()
        .sign()
}

/** The largest page size of phones, in bytes; an uncompressed library must start at a multiple of it. */
internal const val PAGE = 16384
