package io.frz.packager

import java.io.File
import java.security.KeyStore
import java.security.PrivateKey
import java.security.cert.X509Certificate

/** A key that proves that two versions of an app have the same origin: here, the same working copy. */
internal class SigningKey private constructor(val key: PrivateKey, val certificate: X509Certificate) {
    companion object {
        private const val ALIAS = "androiddebugkey"
        private const val PASSWORD = "android"

        /**
         * Returns the key in [file]. If the file does not exist, creates it, as Android's tools do with their debug
         * key.
         */
        fun at(file: File): SigningKey {
            if (!file.exists()) make(file)
            val store = KeyStore.getInstance(file, PASSWORD.toCharArray())
            val key = store.getKey(ALIAS, PASSWORD.toCharArray()) as? PrivateKey
                ?: throw PackagingException("$file has no key named $ALIAS; delete the file to create a new one")
            return SigningKey(key, store.getCertificate(ALIAS) as X509Certificate)
        }

        private fun make(file: File) {
            file.absoluteFile.parentFile.mkdirs()
            val keytool = File(System.getProperty("java.home"), "bin/keytool").path
            val process = ProcessBuilder(
                keytool, "-genkeypair", "-keystore", file.path, "-storetype", "PKCS12", "-storepass", PASSWORD,
                "-alias", ALIAS, "-keyalg", "RSA", "-keysize", "2048", "-validity", "10950",
                "-dname", "CN=Android Debug,O=Android,C=US"
            ).redirectErrorStream(true).start()
            val output = process.inputStream.bufferedReader().readText()
            if (process.waitFor() != 0) throw PackagingException("keytool failed:\n${output.trim()}")
        }
    }
}
