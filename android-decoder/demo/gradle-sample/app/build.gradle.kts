import org.apache.tools.ant.filters.ReplaceTokens

plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

val frzVersion = "0.1.0"
val pytorchVersion = "1.12.2"
val code = 1
val demo = rootDir.parentFile
val generated = demo.resolve("../../build/android/assets")

// The Maven build fills in the versions in the manifest and the strings; here, this task does.
val sources = tasks.register<Sync>("sources") {
    from(demo.resolve("src/main")) { include("AndroidManifest.xml", "res/**") }
    into(layout.buildDirectory.dir("main"))
    filteringCharset = "UTF-8"
    val versions = mapOf(
        "project.version" to frzVersion,
        "version.code" to "$code",
        "pytorch-android.version" to pytorchVersion
    )
    filesMatching("**/*.xml") {
        filter<ReplaceTokens>("beginToken" to "\${", "endToken" to "}", "tokens" to versions)
        filter { it.replace("package=\"io.frz.demo\"", "") } // Gradle takes it from `namespace`
    }
}

android {
    namespace = "io.frz.demo"
    compileSdk = 36

    defaultConfig {
        applicationId = "io.frz.demo"
        minSdk = 21
        targetSdk = 36
        versionCode = code
        versionName = frzVersion
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }
    sourceSets.getByName("main") {
        manifest.srcFile(layout.buildDirectory.file("main/AndroidManifest.xml"))
        res.srcDir(layout.buildDirectory.dir("main/res"))
        kotlin.srcDir(demo.resolve("src/main/kotlin"))
        assets.srcDir(generated)
    }
    androidResources { noCompress += listOf("frz", "ptl") }
    packaging { jniLibs { useLegacyPackaging = true } } // The libraries are aligned to 4 KiB, so Android unpacks them.
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }
    kotlinOptions { jvmTarget = "1.8" }
}

tasks.named("preBuild") { dependsOn(sources) }

dependencies {
    implementation("io.frz:frz-pytorch:$frzVersion")
    implementation("io.frz:frz-benchmark:$frzVersion")
    implementation("io.frz:frz-elm:$frzVersion")
    implementation("org.pytorch:pytorch_android_lite:$pytorchVersion")
    androidTestImplementation("androidx.test:runner:1.6.2")
    androidTestImplementation("androidx.test.ext:junit:1.2.1")
    androidTestImplementation("androidx.test:core:1.6.1")
}
